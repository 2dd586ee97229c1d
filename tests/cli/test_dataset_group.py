"""The verb as a person runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellmark.cli.job import run_verb
from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.coco import read_folder
from cellmark.data.images import read_image
from cellmark.data.records import CocoFile
from cellmark.errors import CellmarkError
from cellmark.files import write_image, write_json
from tests.cli.test_main import composed
from tests.conftest import plain_code
from tests.data.broken import edit
from tests.killing import contents, kill_half_way, run_to_the_end

MEANING = resolve_visibility(VISIBILITY, CLASSES)
LIGHTS = (0.25, 0.6, 1.0)  # of three acquisitions


def flat_folder(path: Path, images: int = 12) -> Path:
    """Images of three acquisitions, one after the other; those of the first are the darkest."""
    coco, rng = CocoFile({"year": 2025}), np.random.default_rng(5)
    for index in range(images):
        image, code = plain_code(rng)
        light = LIGHTS[index % 3] * np.array([1, 0.9, 0.7])
        write_image(path / f"{index:03d}.png", (image * light).astype(np.uint8))
        coco.add_image(f"{index:03d}.png", 64, 64, [code])
    write_json(path / "annotations.json", coco.to_dict())
    return path


@pytest.fixture
def flat(tmp_path) -> Path:
    return flat_folder(tmp_path / "flat")


def group(source: Path, target: Path, *settings: str) -> int:
    return run_verb("dataset_group", composed("dataset_group", f"input={source}", f"output_dir={target}", *settings))


def test_images_that_look_alike_come_together(flat, tmp_path, capsys):
    before, target = contents(flat), tmp_path / "root"
    assert group(flat, target, "k=3") == 0
    assert capsys.readouterr().out == (f"{target}: 12 images: group_1 4, group_2 4, group_3 4; no images left out\n")
    folders = load_root(target, MEANING)
    assert [folder.name for folder in folders] == ["group_1", "group_2", "group_3"]
    for number, folder in enumerate(folders):
        names = [f"{index:03d}.png" for index in range(number, 12, 3)]
        assert [image.path.name for image in folder.images] == names
        assert sorted(path.name for path in folder.path.iterdir()) == [*names, "annotations.json"]
        for name in names:
            assert (folder.path / name).read_bytes() == (flat / name).read_bytes()
            assert not (folder.path / name).samefile(flat / name)
        sheet = read_image(target / f"{folder.name}.png")
        assert sheet.std() > 10 and sheet.shape[1] > 8 * 176
    assert read_image(target / "overview.png").shape[0] > 3 * 176
    assert contents(flat) == before
    assert run_verb("dataset_check", composed("dataset_check", f"data.root={target}")) == 0


def test_variants_stay_with_their_originals(flat, tmp_path, capsys):
    """Contrast makes a variant look like another acquisition; in another fold it would show what that is judged by."""
    root = tmp_path / "root"
    shutil.copytree(flat, root / "flat")
    settings = ["variants=elementary", "contrast=[0.1,3]", "workers=1"]
    run_verb("dataset_warp", composed("dataset_warp", f"data.root={root}", *settings))
    capsys.readouterr()
    assert group(root / "flat", tmp_path / "out", "k=3") == 0
    assert capsys.readouterr().out == (
        f"{tmp_path / 'out'}: 60 images, 48 of them variants: group_1 20, group_2 20, group_3 20; no images left out\n"
    )
    for number, folder in enumerate(load_root(tmp_path / "out", MEANING)):
        originals = {f"{index:03d}.png" for index in range(number, 12, 3)}
        assert {image.path.name.split("_")[-1] for image in folder.images} == originals and len(folder.images) == 20
    assert run_verb("dataset_warp", composed("dataset_warp", f"data.root={tmp_path / 'out'}", *settings)) in (None, 0)
    assert "48 were there already" in capsys.readouterr().out


def test_a_file_that_changes_meanwhile_is_refused(flat, tmp_path, monkeypatch):
    def read(path: Path, *rest: Any, **options: Any) -> Any:
        found = read_folder(path, *rest, **options)
        edit(path, lambda c: [entry.update(id=13 - entry["id"]) for entry in c["images"]])
        return found

    monkeypatch.setattr("cellmark.data.prepare.coco_input.read_folder", read)
    with pytest.raises(CellmarkError, match=r"annotations\.json: was changed while it was read; start again"):
        group(flat, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_whatever_the_order_of_the_file(flat, tmp_path):
    other = shutil.copytree(flat, tmp_path / "other")
    edit(other, lambda c: (c["images"].reverse(), c["annotations"].reverse()))
    for source, name in ((flat, "a"), (other, "b"), (flat, "c")):
        assert group(source / "annotations.json", tmp_path / name, "k=4", "seed=7", "link=true") == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "c")
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert {name: content for name, content in a.items() if name.endswith(".png")} == {
        name: content for name, content in b.items() if name.endswith(".png")
    }
    assert a.keys() == b.keys()
    assert all((tmp_path / "a" / f"group_{n}" / p.name).samefile(flat / p.name)
               for n in (1, 2, 3, 4) for p in (tmp_path / "a" / f"group_{n}").glob("*.png"))  # fmt: skip


def spoil(flat: Path) -> None:
    (flat / "003.png").write_bytes(b"")
    edit(flat, lambda c: c["annotations"][4]["keypoints"].__setitem__(0, "x"))


def test_problems_are_listed_and_refused(flat, tmp_path, capsys):
    spoil(flat)
    with pytest.raises(CellmarkError, match=r"flat/annotations.json: 2 problems in the data, .* data.on_error=skip"):
        group(flat, tmp_path / "out")
    printed = capsys.readouterr().out
    assert "image 4 (003.png)" in printed and "annotation 5" in printed
    assert not (tmp_path / "out").exists()


def test_the_command_leaves_out_images_with_a_problem(flat, tmp_path, capsys):
    spoil(flat)
    assert run_verb("dataset_check", composed("dataset_check", f"data.root={tmp_path}", "format=json")) == 1
    known = json.loads(capsys.readouterr().out)["problems"]
    command = [sys.executable, "-m", "cellmark.cli.main", "dataset_group", "input=flat", "output_dir=out", "k=3"]
    command.append("data.on_error=skip")
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0 and not answer.stderr
    assert "image 4 (003.png)" in answer.stdout and "annotation 5" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "out: 10 images: group_1 3, group_2 3, group_3 4; 2 images left out"
    assert [len(folder.images) for folder in load_root(tmp_path / "out", MEANING)] == [3, 3, 4]
    listed = json.loads((tmp_path / "out" / "problems.json").read_text())
    assert len(listed) == 2 and [{**one, "file": f"flat/{one['file']}"} for one in listed] == known


def test_nothing_sound_is_an_error(flat, tmp_path):
    for path in flat.glob("*.png"):
        path.unlink()
    with pytest.raises(CellmarkError, match="no sound image to put into a group"):
        group(flat, tmp_path / "out", "data.on_error=skip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CellmarkError, match=r"empty/annotations.json: 1 problem in the data"):
        group(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["k=0"], "k=0: a whole number from 1 up"),
        (["k=2.5"], "k=2.5: a whole number from 1 up"),
        (["k=many"], "k=many: a whole number from 1 up"),
        (["k=true"], "k=True: a whole number from 1 up"),
        (["k=null"], "k=None: a whole number from 1 up"),
        (["k=13"], "k=13: there are only 12 images"),
        (["seed=-1"], "seed=-1: a whole number from 0 to 4294967295"),
        (["seed=4294967296"], "seed=4294967296: a whole number"),
        (["seed=x"], "seed=x: a whole number"),
        (["link=yes_please"], "link=yes_please: true or false is needed"),
        (["data.on_error=ignore"], "data.on_error is 'ignore', not 'raise' or 'skip'"),
        (["output_dir=flat/out"], "output_dir=flat/out: lies in the input flat"),
        (["output_dir=."], "output_dir=.: holds the input flat"),
        (["output_dir=full"], "full: already there; nothing is overwritten"),
        (["input=nothing"], "nothing: no such file or folder"),
        (["+colour=red"], "nothing reads the key colour"),
        (["+data.root=a"], "nothing reads the key data.root"),
    ],
)
def test_what_cannot_be_done_is_refused(settings, message, flat, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(CellmarkError, match=message):
        run_verb("dataset_group", composed("dataset_group", "input=flat", "output_dir=out", *settings))
    assert contents(tmp_path) == before and not list(tmp_path.glob(".*.partial"))


def test_large_groups_show_some_of_their_images(flat, tmp_path, monkeypatch):
    monkeypatch.setattr("cellmark.cli.dataset_group.MOST", 3)
    assert group(flat, tmp_path / "out", "k=1") == 0
    assert read_image(tmp_path / "out" / "group_1.png").shape[0] < 2 * 176


@pytest.mark.slow
def test_killed_half_way_it_leaves_nothing_and_works_the_next_time(tmp_path):
    flat, target = flat_folder(tmp_path / "many", 600), tmp_path / "out"
    before = contents(flat)
    arguments = ["dataset_group", f"input={flat}", f"output_dir={target}", "k=3"]
    kill_half_way(arguments, lambda: len(list(tmp_path.glob(".out.*.partial/group_*/*.png"))), 20)
    assert not target.exists() and list(tmp_path.glob(".out.*.partial"))
    assert contents(flat) == before
    assert "600 images: group_1 200, group_2 200, group_3 200" in run_to_the_end(arguments)
    assert contents(flat) == before and not list(tmp_path.glob(".out.*.partial"))
    assert [len(folder.images) for folder in load_root(target, MEANING)] == [200, 200, 200]
