"""Every way in which positions and grids do not fit together."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellmark.data.coco import read_folder
from cellmark.errors import CellmarkError
from tests.data.prepare.convert.converting import MEANING, convert, written
from tests.data.prepare.convert.raw import Json, add_code, add_image, change, raw_folder


@pytest.fixture
def raw(tmp_path) -> Path:
    return raw_folder(tmp_path / "raw")


@dataclass(frozen=True)
class Broken:
    """A change, and the problems that must come of it: file, record and reason of each."""

    name: str
    expected: tuple[tuple[str, str, str], ...]
    positions: Callable[[Json], Any] | None = None
    grids: Callable[[Json], Any] | None = None
    lost: tuple[int, ...] = (2,)


def grid_of(content: Json, index: int = 1) -> list:
    return content["annotations"][index]["datamatrix"]["binary_grid"]


def in_grids(name: str, edit: Callable[[Json], Any], *expected: tuple[str, str], **options: Any) -> Broken:
    return Broken(name, tuple(("grids.json", *one) for one in expected), grids=edit, **options)


GRIDLESS = ("positions.json", "annotation 12", "no grid: in grids.json 1.png has none")


def elsewhere(content: Json) -> list[float]:
    """The keypoints of the second annotation, nearer to the corner of the image."""
    return [value if value == 2 else value / 2 for value in content["annotations"][1]["keypoints"]]


UNDECIDABLE = ("annotation 12", "undecidable: no two adjacent outer sides are all 1 or all 0")
SIZE = "the grid has 9 x 10 = 90 cells, but there are 100 keypoints in annotation 12 of positions.json"


def spoil_finder(content: Json) -> None:
    """One wrong cell on each solid side: neither value shows a finder any more."""
    grid = np.array(grid_of(content))
    grid[5, :] = 1 - grid[5, :]
    grid[:, 5] = 1 - grid[:, 5]
    content["annotations"][1]["datamatrix"]["binary_grid"] = grid.tolist()


def second_image_of_the_same_name(content: Json) -> None:
    add_image(content, 300, "./1.png")


TABLE = [
    in_grids("undecidable", spoil_finder, UNDECIDABLE),
    in_grids("a row too few", lambda c: grid_of(c).pop(0), ("annotation 12", SIZE)),
    in_grids("ragged", lambda c: grid_of(c)[4].pop(), ("annotation 12", "has 9 cells in row 4, but 10 in row 0")),
    in_grids("a two", lambda c: grid_of(c)[4].__setitem__(3, 2), ("annotation 12", "has 2 in row 4, column 3")),
    in_grids("no grid", lambda c: c["annotations"][1].pop("datamatrix"), ("annotation 12", "grid is missing")),
    in_grids("no id", lambda c: c["annotations"][1].pop("id"), ("annotations[1]", "id is missing")),
    in_grids("id a bool", lambda c: c["annotations"][1].update(id=True), ("annotations[1]", "id is True, not an")),
    in_grids("name twice", second_image_of_the_same_name, ("image 300", "file_name '1.png' is taken by an earlier")),
    in_grids("image id twice", lambda c: add_image(c, 102, "x.png"), ("image 102", "its id is taken by an earlier")),
    in_grids("image without id", lambda c: add_image(c, None, "1.png"), ("images[4]", "is None, not an integer"),
             ("images[4]", "file_name '1.png' is taken")),
    in_grids("name a number", lambda c: add_image(c, 300, 7), ("image 300", "file_name is 7, not a string"), lost=()),
    in_grids("no name", lambda c: c["images"].append({"id": 9}), ("image 9", "file_name is missing"), lost=()),
    in_grids("no object", lambda c: c["images"].append(3), ("images[4]", "is 3, not an object"), lost=()),
    in_grids(
        "annotation id twice",
        lambda c: add_code(c, 12, 101, **{"datamatrix.binary_grid": [[1, 0], [1, 1]]}),
        ("annotation 12", "its id is taken by an earlier annotation"),
        ("annotation 12", "a grid without positions: the positions of 0.png are 11"),
        lost=(1, 2),
    ),
    in_grids(
        "a grid too many",
        lambda c: add_code(c, 77, 102, **{"datamatrix.binary_grid": [[1, 0], [1, 1]]}),
        ("annotation 77", "a grid without positions: the positions of 1.png are 12"),
    ),
    in_grids(
        "a grid of an image that is not there",
        lambda c: (add_image(c, 300, "x.png"), add_code(c, 77, 300, **{"datamatrix.binary_grid": [[1, 0], [1, 1]]})),
        ("annotation 77", "a grid without positions: x.png is not in images"),
        lost=(),
    ),
    Broken("image_id unknown", (("grids.json", "annotation 12", "image_id 999 is not in images"), GRIDLESS),
           grids=lambda c: c["annotations"][1].update(image_id=999)),
    Broken("grid gone", (GRIDLESS,), grids=lambda c: c["annotations"].pop(1)),
    Broken("grid image gone", (("grids.json", "annotation 12", "image_id 102 is not in images"), GRIDLESS),
           grids=lambda c: c["images"].pop(1)),
    Broken("positions gone", (("grids.json", "annotation 12", "a grid without positions: 1.png has none"),),
           positions=lambda c: c["annotations"].pop(1)),
    Broken(
        "other ids",
        (
            ("positions.json", "annotation 90", "no grid: in grids.json the grids of 1.png are 12, 91"),
            ("grids.json", "annotation 91", "a grid without positions: the positions of 1.png are 12, 90"),
        ),
        positions=lambda c: c["annotations"].append({**c["annotations"][1], "id": 90, "keypoints": elsewhere(c)}),
        grids=lambda c: c["annotations"].append({**c["annotations"][1], "id": 91}),
    ),
    Broken("rows and columns differ",
           (("grids.json", "annotation 12", "cells, but rows x cols is 5 x 20 in annotation 12"),),
           positions=lambda c: c["annotations"][1].update(rows=5, cols=20)),
    Broken("known place outside", (("positions.json", "annotation 12", "labelled keypoint 3 outside the image of 64"),),
           positions=lambda c: c["annotations"][1]["keypoints"].__setitem__(slice(9, 12), [70, 3, 0])),
    Broken("unknown v", (("positions.json", "annotation 12", "v is 3, not in visibility_to_class (0, 1, 2)"),),
           positions=lambda c: c["annotations"][1]["keypoints"].__setitem__(2, 3)),
    Broken("not a number", (("positions.json", "annotation 12", "not a number at index 3"),),
           positions=lambda c: c["annotations"][1]["keypoints"].__setitem__(3, "x")),
    Broken("width wrong", (("1.png", "image 2 (1.png)", "has 64 x 64 pixels, but the JSON states 65 x 64"),),
           positions=lambda c: c["images"][1].update(width=65)),
    Broken("no images in the grids", (("grids.json", "", "images is 3, not a list"), *(
        (file, f"annotation {number}", reason) for number in range(11, 15) for file, reason in (
            ("grids.json", f"image_id {number + 90} is not in images"), ("positions.json", "no grid")))),
        grids=lambda c: c.update(images=3), lost=(1, 2, 3, 4)),
]  # fmt: skip


TWICE = {
    "image name twice": (b'"file_name": "1.png"', b'"file_name": "0.png", ', "image 102", "'file_name'", (2,)),
    "image_id twice": (b'"image_id": 102', b'"image_id": 101, ', "annotation 12", "'image_id'", (2,)),
    "grid twice": (b'"binary_grid": [', b'"binary_grid": [[1]], ', "annotation 11", "datamatrix.binary_grid", (1,)),
    "list twice": (b'"images": [', b'"images": [], ', "", "'images'", ()),
}


@pytest.mark.parametrize("name", TWICE)
def test_of_two_equal_keys_none_is_taken(raw, name):
    old, before, record, reason, lost = TWICE[name]
    content = json.dumps(json.loads((raw / "grids.json").read_text())).encode()
    (raw / "grids.json").write_bytes(content.replace(old, before + old, 1))
    converted = convert(raw)
    (problem,) = converted.problems
    assert (problem.file.name, problem.record) == ("grids.json", record)
    assert problem.reason.startswith(f"{reason} stands more than once")
    assert list(converted.pictures) == [f"{index - 1}.png" for index in (1, 2, 3, 4) if index not in lost]


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_what_does_not_fit_is_listed_and_its_image_left_out(broken, raw, tmp_path):
    for name, edit in (("positions.json", broken.positions), ("grids.json", broken.grids)):
        if edit is not None:
            change(raw / name, edit)
    converted = convert(raw)
    found = [(problem.file.name, problem.record, problem.reason) for problem in converted.problems]
    assert sorted((file, record) for file, record, _ in found) == sorted((f, r) for f, r, _ in broken.expected)
    for file, record, reason in broken.expected:
        assert any((file, record) == one[:2] and reason in one[2] for one in found), (reason, found)
    kept = [number for number in (1, 2, 3, 4) if number not in broken.lost]
    assert [image["id"] for image in converted.content["images"]] == kept
    assert {entry["image_id"] for entry in converted.content["annotations"]} == set(kept)
    assert list(converted.pictures) == [f"{number - 1}.png" for number in kept]
    folder, problems = read_folder(written(converted, tmp_path / "out"), MEANING)
    assert not problems and len(folder.images) == len(kept)
    listed = json.loads((tmp_path / "out" / "problems.json").read_text())
    assert [(one["record"], one["reason"]) for one in listed] == [one[1:] for one in found]
    assert {one["file"] for one in listed} == {one[0] for one in broken.expected}


def test_undecidable_grids_are_all_listed_whatever_else_is_wrong(raw):
    """The second image does not decode, the third has too many keypoints."""
    for index in (1, 2):
        change(raw / "grids.json", lambda c, index=index: _zigzag(c["annotations"][index]))
    (raw / "1.png").write_bytes(b"")
    change(raw / "positions.json", lambda c: c["annotations"][2]["keypoints"].extend([1, 1, 2]))
    converted = convert(raw)
    listed = [problem.record for problem in converted.problems if problem.reason.startswith("undecidable")]
    assert listed == ["annotation 12", "annotation 13"]
    assert converted.counts["undecidable"] == 2 and converted.counts["images left out"] == 2
    reasons = " ".join(problem.reason for problem in converted.problems)
    assert "the file is empty" in reasons and "= 100 cells, but there are 101 keypoints" in reasons


def _zigzag(entry: Json) -> None:
    grid = (np.indices((10, 10)).sum(axis=0) % 2).tolist()
    entry.pop("datamatrix", None)
    entry["datamatrix.binary_grid"] = grid


@pytest.mark.parametrize("file", ["positions.json", "grids.json"])
def test_a_file_that_cannot_be_read_leaves_nothing(raw, file):
    (raw / file).write_text((raw / file).read_text()[:-40])
    converted = convert(raw)
    assert converted.counts["images"] == converted.counts["cells"] == 0
    assert any(problem.file.name == file and "cut off" in problem.reason for problem in converted.problems)


@pytest.mark.parametrize("file", ["positions.json", "grids.json"])
def test_files_that_change_while_they_are_read_are_refused(raw, monkeypatch, file):
    """Each on its own is sound at any time, but half of this and half of that would go together."""

    def read(path: Path, *rest: Any, **options: Any) -> Any:
        found = read_folder(path, *rest, **options)
        change(raw / file, lambda c: c["annotations"].reverse())
        return found

    monkeypatch.setattr("cellmark.data.prepare.coco_input.read_folder", read)
    with pytest.raises(CellmarkError, match=rf"{file}: was changed while it was read; start again"):
        convert(raw)
