import copy
import functools
import json
import logging
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.data.broken import IMAGES, TABLE, edit, sound_folder
from tests.data.pictures import HEIGHT, WIDTH, picture


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        sound_folder(tmp_path / "root" / name)
    return tmp_path / "root"


@functools.cache
def _composed(*overrides):
    return composed("dataset_check", *overrides)


def verb(root, *overrides):
    config = copy.deepcopy(_composed(*overrides))
    config.data.root = str(root)
    return run_verb("dataset_check", config)


def strict(text):
    """Parses JSON as the standard has it: without NaN, and one value only."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def reported(root, capsys, *overrides):
    """What the verb prints as JSON, with its exit status."""
    status = verb(root, "format=json", *overrides)
    return strict(capsys.readouterr().out) | {"status": status}


def test_a_sound_root_is_counted(root, capsys):
    assert verb(root) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{root}: no problems"
    (total,) = [line for line in lines if " all " in line]
    assert [cell.strip() for cell in total.strip("│").split("│")] == ["all", "8", "8", "24", "16", "8", "0"]


def test_a_sound_root_as_json(root, capsys):
    row = {
        "images": 4,
        "codes": 4,
        "cells": {"black": 12, "white": 8},
        "not_labelled": 4,
        "not_listed": [],
        "problems": 0,
    }
    folders = [{"name": "a"} | row, {"name": "b"} | row]
    expected = {"root": str(root), "problems": [], "folders": folders, "ok": True, "status": 0}
    assert reported(root, capsys) == expected
    found = reported(root, capsys, "mode=unified")
    assert found["folders"][0]["cells"] == {"cell": 20} and found["ok"]


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_every_broken_folder_is_reported_with_file_id_and_reason(root, capsys, broken):
    broken.apply(root / "b")
    found = reported(root, capsys)
    assert found["status"] == 1 and found["ok"] is False
    (problem,) = found["problems"]
    if broken.name == "disk: no JSON":  # nothing says that the folder is one of data
        assert problem == {"file": "b", "record": "", "id": None, "reason": "holds images but no annotations.json"}
    else:
        assert (problem["file"], problem["record"], problem["id"]) == (f"b/{broken.at}", broken.record, broken.id)
        assert broken.reason in problem["reason"]
    counts = [(folder["name"], folder["images"], folder["problems"]) for folder in found["folders"]]
    assert counts == [("a", IMAGES, 0), ("b", IMAGES - len(broken.lost), 1)]


def _deep(content):
    return lambda path: (path / "1.png").write_bytes(content())


def _link_inside(path):
    (path / "deep").mkdir()
    (path / "1.png").rename(path / "deep" / "x.png")
    (path / "1.png").symlink_to("deep/x.png")
    (path / "deep" / "round").symlink_to("..")


def _shared(path):
    (path / "1.png").unlink()
    (path / "1.png").hardlink_to(path.parent / "a" / "1.png")


def _same_place_not_labelled(path):
    edit(path, lambda c: c["annotations"][1]["keypoints"].__setitem__(slice(12, 14), [2.0, 3.0]))


def _byte_order_mark(path):
    file = path / "annotations.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())


def _animated():
    frames = [Image.new("RGB", (WIDTH, HEIGHT), (shade, 0, 0)) for shade in (10, 200)]
    return picture("GIF", save_all=True, append_images=frames)


def _sixteen_bits():
    deep = np.linspace(0, 65535, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    return cv2.imencode(".png", deep)[1].tobytes()


SOUND = {
    "16 bits": _deep(_sixteen_bits),
    "CMYK": _deep(lambda: picture("JPEG", "CMYK")),
    "animated": _deep(_animated),
    "animated PNG": _deep(
        lambda: picture("PNG", save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9))])
    ),
    "palette": _deep(lambda: picture("PNG", "P")),
    "one bit": _deep(lambda: picture("PNG", "1")),
    "alpha": _deep(lambda: picture("PNG", "RGBA")),
    "progressive": _deep(lambda: picture("JPEG", progressive=True)),
    "WebP": _deep(lambda: picture("WEBP")),
    "another suffix than its format": _deep(lambda: picture("BMP")),
    "link inside the folder": _link_inside,
    "file shared by two folders": _shared,
    "byte order mark": _byte_order_mark,
    "image without a code": lambda path: edit(path, lambda c: c["annotations"].pop()),
    "points without a label at one place": _same_place_not_labelled,
    "a category in other letters": lambda path: edit(path, lambda c: c["categories"][0].update(name="Data Matrix")),
    "extra keys": lambda path: edit(path, lambda c: c["images"][0].update(camera={"id": None, "id2": [{}]})),
    "an image that is not listed": lambda path: shutil.copy(path / "1.png", path / "more.png"),
}


@pytest.mark.parametrize("change", SOUND.values(), ids=SOUND.keys())
def test_what_is_fine_passes(root, capsys, change):
    change(root / "b")
    found = reported(root, capsys)
    assert found["problems"] == [] and found["ok"] and found["status"] == 0
    assert [folder["images"] for folder in found["folders"]] == [IMAGES, IMAGES]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["1.png", "annotations.json"])
def test_a_file_that_may_not_be_read(root, capsys, name):
    (root / "b" / name).chmod(0)
    (problem,) = reported(root, capsys)["problems"]
    assert problem["file"] == f"b/{name}" and "Permission denied" in problem["reason"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", [".", "b"])
@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
def test_a_folder_that_may_not_be_read(root, capsys, name, mode):
    (root / name).chmod(mode)
    try:
        found = reported(root, capsys)
    finally:
        (root / name).chmod(0o700)
    places = {problem["file"].split("/")[0] for problem in found["problems"]}
    assert (found["status"], places) == ((0, set()) if (name, mode) == ("b", 0o100) else (1, {name}))


@pytest.mark.parametrize("name", ["1.png", "annotations.json"])
def test_a_file_that_fails_while_it_is_read(root, capsys, name, monkeypatch):
    """As a file without permission does, or one on a broken disk."""
    read_bytes = type(root).read_bytes

    def fail(path):
        if path == root / "b" / name:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(type(root), "read_bytes", fail)
    (problem,) = reported(root, capsys)["problems"]
    assert problem["file"] == f"b/{name}" and "cannot be read" in problem["reason"]


@pytest.mark.parametrize(
    ("make", "file", "reason"),
    [
        (lambda root: shutil.rmtree(root), ".", "no such folder"),
        (lambda root: (shutil.rmtree(root), root.write_text("")), ".", "not a folder"),
        (lambda root: [shutil.rmtree(root / name) for name in "ab"], ".", "no folder in it holds"),
        (lambda root: (root / "c").symlink_to(root.parent), "c", "is a link that leaves"),
        (lambda root: (root / "c").symlink_to("a"), "c", "is the same folder as a"),
        (lambda root: ((root / "c").mkdir(), (root / "c" / "x.png").write_bytes(b"")), "c", "holds images but no"),
    ],
)
def test_a_root_that_is_wrong_itself(root, capsys, make, file, reason):
    make(root)
    found = reported(root, capsys)
    (problem,) = found["problems"]
    assert problem["file"] == file and reason in problem["reason"] and problem["id"] is None
    assert found["status"] == 1


def test_names_that_no_text_can_hold_are_printed_as_escapes(root, capsys):
    os.mkdir(os.fsencode(root) + b"/\xff")
    shutil.copytree(root / "a", os.fsencode(root).decode() + "/\udcff", dirs_exist_ok=True)
    edit(root / "b", lambda c: c["images"][1].update(file_name="\ud800", width=float("nan")))
    found = reported(root, capsys)
    assert [folder["name"] for folder in found["folders"]] == ["a", "b", "\\udcff"]
    assert found["problems"][0]["reason"] == "width is nan, not an integer"
    json.dumps(found, ensure_ascii=False).encode()  # no half surrogates


def test_another_map_of_v(root, capsys):
    found = reported(root, capsys, "data.visibility_to_class={2: black, 1: white}")
    assert len(found["problems"]) == 8 and "v is 0, not in visibility_to_class" in found["problems"][0]["reason"]
    with pytest.raises(CellmarkError, match="'grey', not one of black, white"):
        verb(root, "data.visibility_to_class={2: grey}")


@pytest.mark.parametrize("name", ["yaml", "JSON", "1", "null"])
def test_an_unknown_format_is_refused(root, name):
    with pytest.raises(CellmarkError, match=r"format=.*: there are table, json"):
        verb(root, f"format={name}")


def test_the_kept_index_is_not_trusted_but_renewed(root, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("cellmark.data.index_store.load", None)  # whoever calls it fails
    verb(root)
    kept = {path: path.stat().st_ino for path in (tmp_path / "cache" / "indexes").iterdir()}
    verb(root)
    assert len(kept) == 2 and all(path.stat().st_ino != number for path, number in kept.items())


def test_the_command_prints_json_and_nothing_else(root, tmp_path):
    (root / "a" / "2.png").unlink()
    (tmp_path / "file").write_text("")
    environment = os.environ | {"CELLMARK_CACHE": str(tmp_path / "file"), "FORCE_COLOR": "1"}  # a bar, and a warning
    command = [sys.executable, "-m", "cellmark.cli.main", "dataset_check", f"data.root={root}", "format=json"]
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment, cwd=tmp_path
    )
    assert answer.returncode == 1
    (problem,) = strict(answer.stdout)["problems"]
    assert problem == {"file": "a/2.png", "record": "image 3 (2.png)", "id": 3, "reason": "no such file"}
    assert "cannot be kept for the next time" in answer.stderr and "checking" in answer.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "root"]


def test_the_table_holds_every_problem_in_full(root):
    name = "very " * 60 + "long [/b] é.png"
    edit(root / "b", lambda c: c["images"][1].update(file_name=name, width="\ud800"))
    (root / "a" / "2.png").unlink()
    command = [sys.executable, "-m", "cellmark.cli.main", "dataset_check", f"data.root={root}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
    lines = [line for line in answer.stdout.splitlines() if line.startswith("│")]
    assert any("a/2.png" in line and "image 3 (2.png)" in line and "no such file" in line for line in lines)
    assert any("b/annotations.json" in line and r"width is '\ud800'" in line for line in lines)
    assert any(f"b/{name}" in line and "File name too long" in line for line in lines)
    assert answer.stdout.splitlines()[-1].endswith(": 3 problems")


def test_nothing_is_logged_of_a_sound_root(root, caplog, capsys):
    with caplog.at_level(logging.WARNING):
        assert verb(root) == 0
    assert not caplog.records and capsys.readouterr().err == ""


def test_images_that_no_entry_names_are_noted(root, capsys):
    (root / "a" / "more.png").write_bytes((root / "a" / "1.png").read_bytes())
    assert run_verb("dataset_check", composed("dataset_check", f"data.root={root}")) == 0
    assert "note: a: 1 image file that its COCO file does not name\n" in capsys.readouterr().out
    assert run_verb("dataset_check", composed("dataset_check", f"data.root={root}", "format=json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert [folder["not_listed"] for folder in told["folders"]] == [["more.png"], []]
