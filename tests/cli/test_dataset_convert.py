"""The verb as a person runs it."""

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cellmark.cli.job import run_verb
from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.prepare.convert.grids import UNDECIDABLE
from cellmark.errors import CellmarkError
from cellmark.files import write_json
from tests.cli.test_main import composed
from tests.data.broken import edit, sound_folder
from tests.data.prepare.convert.raw import add_code, add_image, change, csv_folder, empty, raw_folder
from tests.killing import contents, kill_half_way, run_to_the_end

MEANING = resolve_visibility(VISIBILITY, CLASSES)


@pytest.fixture
def raw(tmp_path) -> Path:
    return raw_folder(tmp_path / "raw")


def convert(source: Path, target: Path, *settings: str) -> int:
    return run_verb(
        "dataset_convert", composed("dataset_convert", f"input={source}", f"output_dir={target}", *settings)
    )


def test_positions_and_grids(raw, tmp_path, capsys):
    before = contents(raw)
    assert convert(raw, tmp_path / "root" / "a") == 0
    target = tmp_path / "root" / "a"
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        f"{target}: 4 images, 4 codes, 400 cells, 2 inverted, 0 of unknown orientation, 0 undecidable, "
        "0 images left out; no problems"
    )
    assert [len(folder.images) for folder in load_root(tmp_path / "root", MEANING)] == [4]
    assert contents(raw) == before
    assert convert(raw / "positions.json", tmp_path / "named", f"grids={raw / 'grids.json'}", "link=true") == 0
    assert contents(tmp_path / "named") == contents(target)
    assert (tmp_path / "named" / "0.png").samefile(raw / "0.png") and not (target / "0.png").samefile(raw / "0.png")


def test_the_command_lists_every_problem_in_full_and_exits_with_one(raw, tmp_path):
    (raw / "3.png").write_bytes(b"")
    zigzag = [[(row + column) % 2 for column in range(10)] for row in range(10)]
    change(raw / "grids.json", lambda c: c["annotations"][1]["datamatrix"].update(binary_grid=zigzag))
    command = [sys.executable, "-m", "cellmark.cli.main", "dataset_convert", "input=raw", "output_dir=out"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1 and not answer.stderr
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in answer.stdout.splitlines() if "│" in line]
    assert rows == [
        ["3.png", "image 4 (3.png)", "the file is empty"],
        [
            "grids.json",
            "annotation 12",
            UNDECIDABLE,
        ],
    ]
    assert answer.stdout.splitlines()[-1] == (
        "out: 2 images, 2 codes, 200 cells, 0 inverted, 0 of unknown orientation, 1 undecidable, 2 images left out; "
        "2 problems"
    )
    listed = json.loads((tmp_path / "out" / "problems.json").read_text())
    assert [[one["file"], one["record"], one["reason"]] for one in listed] == rows
    assert sorted(contents(tmp_path / "out")) == ["0.png", "2.png", "annotations.json", "problems.json"]


def test_csv_there_and_back(tmp_path, capsys):
    folder = csv_folder(tmp_path / "points")
    text = (folder / "points.csv").read_text().replace("class", "class,who", 1)
    (folder / "points.csv").write_text(text.replace("black\n", "black,[b]\n").replace("white\n", "white,é\n"))
    assert convert(folder, tmp_path / "coco") == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "note: column 'who' is not read",
        f"{tmp_path / 'coco'}: 3 images, 12 cells, 0 images left out; no problems",
    ]
    assert convert(tmp_path / "coco", tmp_path / "csv", "to=csv") == 0
    assert convert(tmp_path / "csv" / "annotations.csv", tmp_path / "again") == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "coco")
    assert (tmp_path / "csv" / "annotations.csv").read_text().startswith("file,x,y,class\n0.png,")
    capsys.readouterr()
    (folder / "1.png").unlink()
    assert convert(folder, tmp_path / "broken") == 1
    assert "line 6 (1.png)" in capsys.readouterr().out
    assert sorted(contents(tmp_path / "broken")) == ["0.png", "2.png", "annotations.json", "problems.json"]


def test_a_folder_that_is_called_like_a_csv_file(tmp_path):
    sound_folder(tmp_path / "set.csv")
    assert convert(tmp_path / "set.csv", tmp_path / "out", "to=csv") == 0
    assert len((tmp_path / "out" / "annotations.csv").read_text().splitlines()) == 21


def test_images_that_a_csv_file_cannot_say(tmp_path, capsys):
    """One without a cell is copied, one whose name is no UTF-8 is not; both are told."""
    folder = sound_folder(tmp_path / "coco")
    (folder / "1.png").rename(folder / "a\udcff.png")
    edit(folder, lambda c: (c["images"][1].update(file_name="a\udcff.png"), c["annotations"].pop(2)))
    assert convert(folder, tmp_path / "csv", "to=csv") == 1
    lines = capsys.readouterr().out.splitlines()
    assert "note: images without a cell are copied, but no row of annotations.csv names them: 1" in lines
    assert any("image 2 (a\\udcff.png)" in line and "cannot be written as UTF-8" in line for line in lines)
    assert lines[-1].endswith("3 images, 10 cells, 2 not labelled, 1 images left out; 1 problem")
    assert sorted(contents(tmp_path / "csv")) == ["0.png", "2.png", "3.png", "annotations.csv", "problems.json"]


def test_one_class(tmp_path):
    sound_folder(tmp_path / "coco")
    assert convert(tmp_path / "coco", tmp_path / "csv", "to=csv", "mode=unified") == 0
    assert (tmp_path / "csv" / "annotations.csv").read_text().splitlines()[1] == "0.png,2.0,3.0,cell"
    assert convert(tmp_path / "csv", tmp_path / "again", "mode=unified") == 0


def test_nothing_is_written_when_nothing_is_sound(raw, tmp_path, capsys):
    for index in range(4):
        (raw / f"{index}.png").unlink()
    with pytest.raises(CellmarkError, match=r"raw: no sound image with a cell, so nothing is written: 4 problems"):
        convert(raw, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().out.count("no such file") == 4
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.csv").write_text("file,x,y,class\n")
    with pytest.raises(CellmarkError, match="empty: no sound image with a cell, so nothing is written: it holds none"):
        convert(tmp_path / "empty", tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["to=xml"], "to=xml: not one of coco, csv"),
        (["link=1"], "link=1: true or false is needed"),
        (["link=copy"], "link=copy: true or false is needed"),
        (["grids=5"], "grids=5: no such file"),
        (["to=csv", "grids=5"], "grids=5: only for positions in a COCO file"),
        (["output_dir=raw/out"], "output_dir=raw/out: lies in the input raw, which is only read"),
        (["output_dir=."], "output_dir=.: holds the input raw"),
        (["output_dir=full"], "full: already there; nothing is overwritten"),
        (["input=points"], None),
        (["input=points", "grids=raw/grids.json"], "only for positions in a COCO file"),
        (["input=points/points.csv", "to=csv"], "input=points/points.csv: is CSV already; to=csv is for COCO"),
        (["input=nothing"], "nothing: no such file or folder"),
        (["input=points", "mode=unified", "data.visibility_to_class={0:cell,1:cell}"], "0 must mean 'not labelled'"),
        (["mode.classes=[black]"], "visibility_to_class: 1 is 'white', not one of black"),
        (["+colour=red"], "nothing reads the key colour"),
        (["+data.root=a"], "nothing reads the key data.root"),
    ],
)
def test_what_cannot_be_done_is_refused(settings, message, raw, tmp_path, monkeypatch):
    csv_folder(tmp_path / "points")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    config = composed("dataset_convert", "input=raw", "output_dir=out", *settings)
    if message is None:
        assert run_verb("dataset_convert", config) == 0
        return
    with pytest.raises(CellmarkError, match=message.replace("(", r"\(")):
        run_verb("dataset_convert", config)
    assert contents(tmp_path) == before


def test_a_link_that_cannot_be_made_is_an_error_and_leaves_nothing(raw, tmp_path, monkeypatch):
    def refuse(self: Path, source: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    before = contents(tmp_path)
    with pytest.raises(CellmarkError, match=r"no hard link to .*: Invalid cross-device link; copy with link=false"):
        convert(raw, tmp_path / "out", "link=true")
    assert contents(tmp_path) == before and not list(tmp_path.glob(".*.partial"))


def many(folder: Path, images: int) -> Path:
    """A folder of so many images that copying them takes a while."""
    raw_folder(folder, images=1)
    positions, grids = (json.loads((folder / name).read_text()) for name in ("positions.json", "grids.json"))
    keypoints, datamatrix = positions["annotations"][0]["keypoints"], grids["annotations"][0]["datamatrix"]
    for content, values in ((positions, {"keypoints": keypoints}), (grids, {"datamatrix": datamatrix})):
        content.update(empty())
        for index in range(images):
            add_image(content, index, f"{index:04d}.png")
            add_code(content, index, index, **values)
    for index in range(images):
        shutil.copyfile(folder / "0.png", folder / f"{index:04d}.png")
    write_json(folder / "positions.json", positions)
    write_json(folder / "grids.json", grids)
    return folder


@pytest.mark.slow
def test_killed_half_way_it_leaves_nothing_and_works_the_next_time(tmp_path):
    folder, target = many(tmp_path / "many", 1500), tmp_path / "out"
    before = contents(folder)
    arguments = ["dataset_convert", f"input={folder}", f"output_dir={target}"]
    kill_half_way(arguments, lambda: len(list(tmp_path.glob(".out.*.partial/*.png"))), 50)
    assert not target.exists()
    (partial,) = tmp_path.glob(".out.*.partial")
    assert len(list(partial.glob("*.png"))) >= 50 and not (partial / "annotations.json").exists()
    assert contents(folder) == before
    assert "1500 images" in run_to_the_end(arguments)
    assert contents(folder) == before
    assert len(contents(target)) == 1501 and not list(tmp_path.glob(".out.*.partial"))
