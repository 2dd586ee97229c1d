"""CSV files of points: there and back again, and every way in which a line can be wrong."""

import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.data.annotations import CLASSES, resolve_visibility
from cellmark.data.coco import read_folder
from cellmark.data.prepare.convert.csv_convert import coco_to_csv, csv_to_coco
from cellmark.data.prepare.convert.csv_points import csv_text, read_points
from cellmark.data.problem_entries import problem_entry
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from tests.data.broken import TABLE as BROKEN_COCO
from tests.data.broken import edit, sound_folder
from tests.data.prepare.convert.converting import HEIGHT, MEANING, WIDTH, to_coco, write
from tests.data.prepare.convert.raw import csv_folder, drawn


@pytest.fixture
def folder(tmp_path) -> Path:
    return csv_folder(tmp_path / "points")


def test_points_become_one_annotation_an_image(folder, tmp_path):
    converted = to_coco(folder)
    assert not converted.problems and not converted.notes
    assert converted.counts == {"images": 3, "cells": 12, "images left out": 0}
    read, problems = read_folder(write(converted, tmp_path / "out"), MEANING)
    assert not problems and [len(image.codes) for image in read.images] == [1, 1, 1]
    for index, image in enumerate(read.images):
        np.testing.assert_array_equal(image.codes[0].keypoints, drawn(index)[1][:4])
        assert image.codes[0].rows is None
        assert (tmp_path / "out" / image.path.name).read_bytes() == (folder / image.path.name).read_bytes()


def test_columns_are_found_by_name_and_others_are_noted(folder):
    shutil.copy(folder / "2.png", folder / "9.png")
    (folder / "points.csv").write_bytes(
        b"\xef\xbb\xbfscore,class, y ,file,x\r\n0.5,black,3,0.png,4.25\r\n\r\n0.5, white ,-0.5, 1.png,1\r\n"
        b'"very\r\n0.1",white,-5e-1,1.png,.5\r\n\r\n0.5,white,2,2.png,\r\n'
    )
    converted = to_coco(folder)
    assert [(p.record, p.reason) for p in converted.problems] == [
        ("line 8 (2.png)", "x is '', not a number"),
        ("line 4 ( 1.png)", "no such file"),
    ]
    assert converted.content["annotations"][0]["keypoints"] == [4.25, 3.0, 2]
    assert converted.content["annotations"][1]["keypoints"] == [0.5, -0.5, 1]
    assert converted.notes == [
        "column 'score' is not read",
        f"images of {folder} that points.csv does not name are left out, as nothing tells whether they hold cells: 1",
    ]


@pytest.mark.parametrize(
    ("classes", "visibility", "values"),
    [
        (("cell",), {0: None, 1: "cell", 2: "cell"}, [1]),
        (("cell",), {-1: "cell", 5: "cell", 2: "cell"}, [2]),
        (("white", "black"), {1: "white", 3: "black", 4: "black"}, [1, 3]),
    ],
)
def test_the_v_written_is_the_smallest_above_0_that_means_the_class(tmp_path, classes, visibility, values):
    folder, meaning = csv_folder(tmp_path / "points", images=1), resolve_visibility(visibility, classes)
    lines = [f"0.png,{index},{index},{name}" for index, name in enumerate(classes)]
    (folder / "points.csv").write_text("\n".join(["file,x,y,class", *lines]))
    converted = to_coco(folder, meaning, classes)
    assert converted.content["annotations"][0]["keypoints"][2::3] == values
    read, problems = read_folder(write(converted, tmp_path / "out"), meaning)
    assert not problems and len(read.images) == 1


@pytest.mark.parametrize("visibility", [{0: "cell"}, {0: "cell", 1: "cell"}, {-1: "cell", 0: "cell", 2: "cell"}])
def test_a_map_in_which_0_is_a_class_is_refused(folder, visibility):
    """To COCO such a keypoint is not there: it would count neither in num_keypoints nor in bbox."""
    with pytest.raises(CellmarkError, match="visibility_to_class: 0 must mean 'not labelled'"):
        to_coco(folder, resolve_visibility(visibility, ("cell",)), ("cell",))


names = st.text(st.sampled_from(" ,;\"'äß日\n\r\tab.-#=%"), min_size=1, max_size=8).map(lambda text: f"{text}.png")
numbers = st.floats(-0.5, HEIGHT - 0.5) | st.integers(0, HEIGHT - 1).map(float)
point = st.tuples(numbers, numbers, st.sampled_from(CLASSES))
tables = st.dictionaries(
    names, st.lists(point, min_size=1, max_size=5, unique_by=lambda p: p[:2]), min_size=1, max_size=4
)


def exact(rows: list[tuple[str, float, float, str]]) -> list[tuple[str, float, float, float, float, str]]:
    """With the signs, as -0.0 equals 0.0."""
    return [(file, x, math.copysign(1, x), y, math.copysign(1, y), name) for file, x, y, name in rows]


@settings(max_examples=40, deadline=None)
@given(tables)
def test_csv_to_coco_to_csv_gives_the_same_rows(table):
    rows = [(file, x, y, name) for file, points in table.items() for x, y, name in points]
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary)
        for file in table:
            write_image(top / "in" / file, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        (top / "in" / "points.csv").write_text(csv_text(rows), encoding="utf-8", newline="")
        there = to_coco(top / "in")
        assert not there.problems
        write(there, top / "coco")
        back = coco_to_csv(top / "coco" / "annotations.json", MEANING, CLASSES)
        assert not back.problems
        write(back, top / "csv")
        assert (top / "csv" / "annotations.csv").read_text("utf-8").split("\n")[0] == "file,x,y,class"
        found = read_points(top / "csv" / "annotations.csv", CLASSES)
        assert exact([(p.file, p.x, p.y, CLASSES[p.label]) for p in found.points]) == exact(rows)
        assert {path.name for path in (top / "csv").iterdir()} == {*table, "annotations.csv"}
        again = to_coco(top / "csv", name="annotations.csv")
        assert again.content == there.content


def test_coco_to_csv_to_coco_gives_the_same_points_and_classes(tmp_path):
    sound_folder(tmp_path / "coco")
    there = coco_to_csv(tmp_path / "coco" / "annotations.json", MEANING, CLASSES)
    assert there.counts == {"images": 4, "cells": 20, "not labelled": 4, "images left out": 0} and not there.notes
    write(there, tmp_path / "csv")
    lines = (tmp_path / "csv" / "annotations.csv").read_text().splitlines()
    assert lines[:3] == ["file,x,y,class", "0.png,2.0,3.0,black", "0.png,9.5,3.0,white"]
    back = csv_to_coco(tmp_path / "csv" / "annotations.csv", MEANING, CLASSES)
    assert not back.problems
    before = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    for old, new in zip(before["annotations"], back.content["annotations"], strict=True):
        points = np.reshape(old["keypoints"], (-1, 3))
        np.testing.assert_array_equal(np.reshape(new["keypoints"], (-1, 3)), points[points[:, 2] > 0])
        assert (new["num_keypoints"], new["bbox"], new["area"]) == tuple(
            old[k] for k in ("num_keypoints", "bbox", "area")
        )


def join(content: dict) -> None:
    content["annotations"][1]["image_id"] = 1
    content["annotations"][1]["keypoints"][0::3] = [x + 0.125 for x in content["annotations"][1]["keypoints"][0::3]]


def test_codes_of_an_image_are_joined_and_images_without_one_are_kept(tmp_path):
    edit(sound_folder(tmp_path / "coco"), join)
    converted = coco_to_csv(tmp_path / "coco" / "annotations.json", MEANING, CLASSES)
    assert not converted.problems and list(converted.pictures) == ["0.png", "1.png", "2.png", "3.png"]
    files = [line.split(",")[0] for line in converted.content.splitlines()[1:]]
    assert files == ["0.png"] * 10 + ["2.png"] * 5 + ["3.png"] * 5
    assert converted.notes == ["images without a cell are copied, but no row of annotations.csv names them: 1"]


def test_two_cells_at_one_place_are_no_csv(tmp_path):
    edit(sound_folder(tmp_path / "coco"), lambda c: c["annotations"][1].update(image_id=1))
    converted = coco_to_csv(tmp_path / "coco" / "annotations.json", MEANING, CLASSES)
    (problem,) = converted.problems
    assert problem.file.name == "annotations.json" and problem.record == "annotation 2"
    assert problem.reason == "has cells at exactly the places of those of annotation 1"
    assert "0.png" not in converted.pictures


def test_a_name_that_is_not_utf_8_is_no_csv(tmp_path):
    """Such names are ordinary files to the system, and JSON can say them."""
    folder, name = sound_folder(tmp_path / "coco"), "a\udcff.png"
    (folder / "1.png").rename(folder / name)
    edit(folder, lambda c: c["images"][1].update(file_name=name))
    converted = coco_to_csv(folder / "annotations.json", MEANING, CLASSES)
    (first,) = converted.problems
    assert (first.file, first.record, first.id) == (folder / "annotations.json", "image 2 (a\\udcff.png)", 2)
    assert (
        first.reason == "file_name cannot be written as UTF-8, which CSV needs: surrogates not allowed at character 1"
    )
    assert list(converted.pictures) == ["0.png", "2.png", "3.png"]
    write(converted, tmp_path / "csv")
    back = to_coco(tmp_path / "csv", name="annotations.csv")
    assert not back.problems and list(back.pictures) == ["0.png", "2.png", "3.png"]
    listed = json.loads((tmp_path / "csv" / "problems.json").read_text())
    assert listed == [problem_entry(problem, folder) for problem in converted.problems]


@pytest.mark.parametrize("broken", BROKEN_COCO, ids=lambda broken: broken.name)
def test_every_problem_of_coco_is_listed(broken, tmp_path):
    folder = sound_folder(tmp_path / "coco" / "a")
    broken.apply(folder)
    converted = coco_to_csv(folder / "annotations.json", MEANING, CLASSES)
    assert any(broken.record == problem.record and broken.reason in problem.reason for problem in converted.problems)
    twice = [problem.record for problem in converted.problems if "CSV needs one each" in problem.reason]
    kept = [number for number in (1, 2, 3, 4) if number not in broken.lost]
    kept = [number for number in kept if f"image {number} ({number - 1}.png)" not in twice]
    assert list(converted.pictures) == [f"{number - 1}.png" for number in kept]


def test_the_case_of_classes_does_not_count(folder):
    file = folder / "points.csv"
    before = to_coco(folder).content["annotations"]
    file.write_text(file.read_text().replace("black", "Black").replace("white", "WHITE"))
    converted = to_coco(folder)
    assert not converted.problems and converted.content["annotations"] == before
