"""Which files a conversion starts from, and when that is not clear."""

import json
import shutil
from pathlib import Path

import pytest

from cellmark.data.prepare.convert.sources import csv_file, grid_files, is_csv, is_csv_file
from cellmark.errors import CellmarkError
from tests.data.prepare.convert.raw import change, csv_folder, raw_folder


@pytest.fixture
def raw(tmp_path) -> Path:
    return raw_folder(tmp_path / "raw", images=1)


def test_both_files_are_found_by_what_is_in_them(raw):
    (raw / "camera.json").write_text('{"annotations": "none", "lens": 3}')
    (raw / "list.json").write_text("[1, 2]")
    (raw / ".hidden.json").write_text("{")
    (raw / "positions.json").rename(raw / "zz.JSON")
    (raw / "grids.json").rename(raw / "aa.json")
    assert not is_csv(raw)
    assert grid_files(raw, None) == grid_files(raw / "zz.JSON", None) == (raw / "zz.JSON", raw / "aa.json")


def test_a_named_file_is_not_looked_for(raw, tmp_path):
    shutil.move(raw / "grids.json", tmp_path / "elsewhere.json")
    (raw / "broken.json").write_text("{")
    found = (raw / "positions.json", tmp_path / "elsewhere.json")
    assert grid_files(raw / "positions.json", tmp_path / "elsewhere.json") == found
    (raw / "broken.json").unlink()
    assert grid_files(raw, tmp_path / "elsewhere.json") == found


def test_one_file_may_be_both(raw):
    grids = json.loads((raw / "grids.json").read_text())
    datamatrix = grids["annotations"][0]["datamatrix"]
    change(raw / "positions.json", lambda c: c["annotations"][0].update(datamatrix=datamatrix))
    (raw / "grids.json").unlink()
    assert grid_files(raw, None) == (raw / "positions.json", raw / "positions.json")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"grids.json": None}, "holds no JSON file whose annotations carry datamatrix.binary_grid; .*grids=FILE"),
        ({"positions.json": None}, "holds no JSON file whose annotations have keypoints; name it with input=FILE"),
        ({"more.json": "positions.json"}, "annotations have keypoints: more.json, positions.json; .*input"),
        ({"more.json": "grids.json"}, "whose annotations carry datamatrix.binary_grid: grids.json, more.json; .*grids"),
        ({"cut.json": "{"}, "cut.json: the JSON is cut off: .*; nothing tells whether .* input=FILE grids=FILE"),
    ],
)  # fmt: skip
def test_what_is_not_clear_names_the_files_and_the_key(raw, files, reason):
    for name, content in files.items():
        if content is None:
            (raw / name).unlink()
        elif (raw / content).is_file():
            shutil.copy(raw / content, raw / name)
        else:
            (raw / name).write_text(content)
    with pytest.raises(CellmarkError, match=reason):
        grid_files(raw, None)


def test_csv_files(tmp_path):
    folder = csv_folder(tmp_path / "points", images=1)
    assert is_csv(folder) and is_csv(folder / "points.csv")
    assert csv_file(folder) == csv_file(folder / "points.csv") == folder / "points.csv"
    shutil.copy(folder / "points.csv", folder / "more.CSV")
    with pytest.raises(CellmarkError, match=r"several files .* the CSV file: more.CSV, points.csv; .* input=FILE"):
        csv_file(folder)


def test_a_folder_with_both_or_neither(raw, tmp_path):
    (raw / "points.csv").write_text("file,x,y,class")
    with pytest.raises(CellmarkError, match=r"holds grids.json, positions.json, points.csv; .* input=FILE"):
        is_csv(raw)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CellmarkError, match=r"holds no \.json and no \.csv file"):
        is_csv(tmp_path / "empty")
    with pytest.raises(CellmarkError, match=r"0.png: neither a \.json nor a \.csv file"):
        is_csv(raw / "0.png")
    with pytest.raises(CellmarkError, match="nowhere: no such file or folder"):
        is_csv(tmp_path / "nowhere")
    with pytest.raises(CellmarkError, match=r"grids=.*nowhere.json: no such file"):
        grid_files(raw, tmp_path / "nowhere.json")


def test_a_folder_may_be_called_like_a_csv_file(raw, tmp_path):
    raw.rename(tmp_path / "set.csv")
    assert not is_csv(tmp_path / "set.csv") and not is_csv_file(tmp_path / "set.csv")
    (tmp_path / "a.CSV").touch()
    assert is_csv_file(tmp_path / "a.CSV")


def test_a_file_of_grids_may_repeat_the_keypoints(raw):
    def repeat(content):
        positions = json.loads((raw / "positions.json").read_text())["annotations"]
        for entry, position in zip(content["annotations"], positions, strict=True):
            entry["keypoints"] = position["keypoints"]

    change(raw / "grids.json", repeat)
    assert grid_files(raw, None) == (raw / "positions.json", raw / "grids.json")
    (raw / "positions.json").unlink()
    assert grid_files(raw, None) == (raw / "grids.json", raw / "grids.json")
