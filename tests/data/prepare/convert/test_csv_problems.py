"""Every way in which a CSV file of points can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from cellmark.data.prepare.convert.csv_points import CsvPoints, csv_text, read_points
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from tests.data.prepare.convert.converting import HEIGHT, WIDTH, to_coco
from tests.data.prepare.convert.raw import csv_folder


@pytest.fixture
def folder(tmp_path) -> Path:
    return csv_folder(tmp_path / "points")


LINE = "1.png,8,9,black"  # line 6 of the file, the first of the second image
BROKEN = {
    "x text": ("1.png,a,9,black", 6, "1.png", "x is 'a', not a number"),
    "x empty": ("1.png,,9,black", 6, "1.png", "x is '', not a number"),
    "y NaN": ("1.png,8,nan,black", 6, "1.png", "y is 'nan', not a finite number"),
    "y infinite": ("1.png,8,-Infinity,black", 6, "1.png", "y is '-Infinity', not a finite number"),
    "x too large": ("1.png,1e999,9,black", 6, "1.png", "x is '1e999', not a finite number"),
    "x with an underscore": ("1.png,1_0,9,black", 6, "1.png", "x is '1_0', not a number"),
    "x with a comma": ('1.png,"1,5",9,black', 6, "1.png", "x is '1,5', not a number"),
    "class unknown": ("1.png,8,9,grey", 6, "1.png", "class is 'grey', not one of black, white"),
    "short line": ("1.png,8,9", 6, "1.png", "has 3 columns, but the header has 4"),
    "long line": ("1.png,8,9,black,1", 6, "1.png", "has 5 columns, but the header has 4"),
    "outside": ("1.png,63.6,9,black", 6, "1.png", "(63.6, 9) is outside the image of 64 x 64 pixels"),
    "outside above": ("1.png,8,-0.51,black", 6, "1.png", "(8, -0.51) is outside the image of"),
}
FILES = {
    "no file": ("", "file is empty", "points.csv"),
    "leaves": ("../1.png", "leaves the folder through '..'", "points.csv"),
    "absolute": ("/etc/x.png", "is an absolute path", "points.csv"),
    "backslash": ("a\\x.png", "holds a backslash", "points.csv"),
    "NUL": ("a\0x.png", "cannot be resolved", "points.csv"),
    "missing": ("none.png", "no such file", "none.png"),
    "a folder": ("sub", "is not a regular file", "sub"),
    "cut off": ("cut.png", "truncated", "cut.png"),
    "no picture": ("points.csv", "not a picture in a known format", "points.csv"),
}


def insert(folder: Path, text: str) -> None:
    """Makes ``text`` line 6 of the file, before the first point of the second image."""
    lines = (folder / "points.csv").read_text().split("\n")
    (folder / "points.csv").write_text("\n".join([*lines[:5], text, *lines[5:]]), newline="")


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_line_is_listed_and_its_image_left_out(folder, name):
    text, line, file, reason = BROKEN[name]
    insert(folder, text)
    converted = to_coco(folder)
    (problem,) = converted.problems
    assert (problem.file, problem.record) == (folder / "points.csv", f"line {line} ({file})")
    assert reason in problem.reason
    assert list(converted.pictures) == ["0.png", "2.png"] and converted.counts["images left out"] == 1


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_listed_once_with_its_first_line(folder, name):
    file, reason, at = FILES[name]
    (folder / "sub").mkdir()
    (folder / "cut.png").write_bytes((folder / "1.png").read_bytes()[:-20])
    insert(folder, f"{file},8,9,black\n{file},9,9,black" if file else f"{file},8,9,black")
    converted = to_coco(folder)
    (problem,) = converted.problems
    shown = file.replace("\0", "\\x00")
    assert (problem.file, problem.record) == (folder / at, f"line 6 ({shown})" if file else "line 6")
    assert reason in problem.reason
    assert list(converted.pictures) == ["0.png", "1.png", "2.png"]


def test_the_same_point_twice_and_the_same_file_twice(folder):
    first = (folder / "points.csv").read_text().split("\n")[1]
    file, x, y, name = first.split(",")
    other = "white" if name == "black" else "black"
    x_again = f"{float(x):.17e}"
    insert(folder, f"{file},{x_again},{y},{name}\n{file},{x},{y},{other}\n./1.png,1,1,black")
    converted = to_coco(folder)
    assert [(problem.record, problem.reason) for problem in converted.problems] == [
        ("line 6 (0.png)", "the same point is on line 2"),
        ("line 7 (0.png)", "the same place in another class is on line 2"),
        ("line 9 (1.png)", "its file is the one of line 8 (./1.png)"),
    ]
    assert list(converted.pictures) == ["2.png"]


@pytest.mark.parametrize(("place", "inside"), [((23.5, 15.5), True), ((23.6, 3), False), ((3, 15.6), False)])
def test_width_and_height_are_not_confused(tmp_path, place, inside):
    write_image(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (tmp_path / "points.csv").write_text(csv_text([("a.png", *place, "black")]))
    assert bool(to_coco(tmp_path).pictures) is inside is not bool(to_coco(tmp_path).problems)


def test_every_problem_of_a_line_is_told(folder):
    insert(folder, "1.png,a,inf,grey")
    assert len(to_coco(folder).problems) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty; a header file,x,y,class is needed"),
        (b"\n\nfile;x;y;class\n", "line 3: column file is missing in the header 'file;x;y;class'"),
        (b"file,x,class\n", "line 1: column y is missing in the header 'file,x,class'"),
        (b"file,x,y,x,class\n", "line 1: column x is there more than once"),
        (b"file,x,y,class\na,1,1,black\n\xff,2,2,black\n", "not UTF-8: invalid start byte at byte 27"),
        (b'file,x,y,class\na,1,1,black\n"b,2,2,black\n', "line 3: not readable as CSV from here on: unexpected end"),
        (b'file,x,y,class\n"a"b,1,1,black\n', "line 2: not readable as CSV from here on: ',' expected after '\"'"),
        (b'file,x,y,class\n"' + b"a" * 200_000 + b'",1,1,black', "line 2: not readable as CSV from here on: field"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_to_its_end_is_refused(folder, content, reason):
    (folder / "points.csv").write_bytes(content)
    with pytest.raises(CellmarkError) as raised:
        to_coco(folder)
    assert str(raised.value).startswith(f"{folder / 'points.csv'}: {reason}")


def test_a_csv_file_that_changes_while_it_is_read_is_refused(folder, monkeypatch):
    def read(path: Path, classes) -> CsvPoints:
        found = read_points(path, classes)
        insert(path.parent, LINE)
        return found

    monkeypatch.setattr("cellmark.data.prepare.convert.csv_convert.read_points", read)
    with pytest.raises(CellmarkError, match=r"points\.csv: was changed while it was read; start again"):
        to_coco(folder)
