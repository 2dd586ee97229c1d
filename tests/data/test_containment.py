"""No file outside the data root is ever opened: Python itself is asked which ones are."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import cellmark
from cellmark.data import index_store
from cellmark.data.check import load_root
from tests.data.broken import VISIBILITY, edit, sound_folder

SCRIPT = """
import json, os, sys
from pathlib import Path
import numpy as np
from cellmark.data import index_store
from cellmark.data.check import check, load_root
from cellmark.data.coco import read_folders
from cellmark.data.dataset import CellDataset
from cellmark.data.images import read_image

index_store.RACY = -(10**12)
root, sound, steps = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
visibility = {0: None, 1: 1, 2: 0}
load_root(sound, visibility)  # whatever is imported late is imported now
opened = []

def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and not isinstance(arguments[0], (int, type(None))):
        opened.append(os.fspath(arguments[0]))

sys.addaudithook(hook)
kept = []
for step in steps:
    if step == "read":
        folders, problems = read_folders(root, visibility)
    elif step == "check":
        folders, problems = check(root, visibility, cache=True, renew=True)
    else:
        folders, problems = load_root(root, visibility, on_error="skip", cache=step == "cached"), None
    dataset = CellDataset(folders, (32, 32), visibility)
    for index in range(len(dataset)):
        dataset[0, index]
    kept.append([f"{folder.name}/{record.path.name}" for folder in folders for record in folder.images])
paths = [path if isinstance(path, str) else os.fsdecode(path) for path in opened]
print(json.dumps({"opened": sorted({os.path.realpath(path) for path in paths}), "kept": kept}))
"""


def name_images(folder, *names):
    """Gives the images of a folder these names, without which they have no file."""
    edit(folder, lambda c: [entry.update(file_name=name) for entry, name in zip(c["images"], names, strict=False)])


def escapes(root, outside):
    """A root in which nearly everything leads out."""
    for name in "abcdefgh":
        sound_folder(root / name)
    secret = outside / "0.png"
    name_images(root / "a", str(secret), "../../outside/1.png", "x/../../../outside/2.png", "/etc/passwd")
    (root / "b" / "link.png").symlink_to(secret)
    (root / "b" / "relative.png").symlink_to("../../outside/1.png")
    (root / "b" / "twice.png").symlink_to("link.png")
    name_images(root / "b", "link.png", "relative.png", "twice.png", "0.png")
    (root / "c" / "up").symlink_to(outside)
    (root / "c" / "deeper").mkdir()
    (root / "c" / "deeper" / "out").symlink_to("../../../outside")
    name_images(root / "c", "up/0.png", "deeper/out/1.png", "up/../c/0.png", "3.png")
    (root / "d" / "annotations.json").unlink()
    (root / "d" / "annotations.json").symlink_to(outside / "annotations.json")
    name_images(root / "e", "a\0b.png", "..\\..\\outside\\0.png", "C:\\0.png", "\ud800.png")
    for name in ("loop.png", "ring.png"):
        (root / "f" / name).symlink_to("ring.png" if name == "loop.png" else "loop.png")
    (root / "f" / "here").symlink_to(".")
    (root / "f" / "above").symlink_to("..")
    name_images(root / "f", "loop.png", "here/here/1.png", "above/a/0.png", "above/../outside/2.png")
    (root / "g" / "other").symlink_to("../h")
    name_images(root / "g", "other/0.png", "//etc/passwd", "./../g/1.png", "~/0.png")
    (root / "linked").symlink_to(outside)
    (root / "loop").symlink_to("loop")
    (root / "self").symlink_to(".")


@pytest.fixture
def places(tmp_path, monkeypatch):
    root, outside = tmp_path / "root", sound_folder(tmp_path / "outside")
    sound_folder(tmp_path / "sound" / "fold")
    monkeypatch.setenv("CELLMARK_CACHE", str(tmp_path / "cache"))
    root.mkdir()
    return root, outside, tmp_path / "sound"


def opened_by(places, *steps):
    command = [sys.executable, "-c", SCRIPT, str(places[0]), str(places[2]), *steps]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def foreign(opened, root):
    own = Path(cellmark.__file__).parent  # an index notes which code made it
    allowed = list(map(str, (root, root.parent / "cache", sys.prefix, sys.base_prefix, own)))
    return [path for path in opened if not any(path == place or path.startswith(f"{place}/") for place in allowed)]


KEPT = ["b/0.png", "c/3.png", "f/1.png", *(f"h/{index}.png" for index in range(4))]


def test_a_root_full_of_ways_out(places):
    root, outside, _ = places
    escapes(root, outside)
    steps = ("read", "skip", "cached", "cached", "check", "cached")
    answer = opened_by(places, *steps)
    assert foreign(answer["opened"], root) == []
    assert answer["kept"] == [KEPT] * len(steps)
    assert str(root / "h" / "0.png") in answer["opened"]  # the hook does see what is opened


def test_ways_out_that_open_after_the_index_was_made(places, monkeypatch):
    root, outside, _ = places
    for name in "abcde":
        sound_folder(root / name)
    monkeypatch.setattr(index_store, "RACY", -(10**12))
    assert len(load_root(root, VISIBILITY, cache=True)) == 5
    for number in range(4):
        (root / "a" / f"{number}.png").unlink()
        (root / "a" / f"{number}.png").symlink_to(outside / f"{number}.png")
    (root / "b" / "annotations.json").unlink()
    (root / "b" / "annotations.json").symlink_to(outside / "annotations.json")
    (root / "c").rename(root.parent / "moved")
    (root / "c").symlink_to(root.parent / "moved")
    (root / "d" / "1.png").unlink()
    (root / "d" / "1.png").hardlink_to(root / "e" / "0.png")  # one file in two folders is allowed
    answer = opened_by(places, "cached", "cached")
    assert foreign(answer["opened"], root) == []
    kept = [f"{name}/{index}.png" for name in "de" for index in range(4)]
    assert answer["kept"] == [kept, kept]
