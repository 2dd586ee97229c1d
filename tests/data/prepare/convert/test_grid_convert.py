"""Positions and grids: what they become, and every way in which they do not fit together."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.coco import read_folder
from cellmark.data.generate.dataset import Parameters, write
from cellmark.data.images import read_image
from cellmark.data.prepare.convert.converted import Converted, write_converted
from cellmark.data.prepare.convert.grid_convert import convert_grids
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, write_json
from tests.data.prepare.convert.raw import Json, add_code, add_image, change, drawn, empty, raw_folder

MEANING = resolve_visibility(VISIBILITY, CLASSES)


@pytest.fixture
def raw(tmp_path) -> Path:
    return raw_folder(tmp_path / "raw")


def convert(folder: Path, meaning=MEANING, classes=CLASSES) -> Converted:
    return convert_grids(folder / "positions.json", folder / "grids.json", meaning, classes)


def written(converted: Converted, target: Path, **options: Any) -> Path:
    with new_folder(target) as root:
        write_converted(converted, root, lambda *_: None, **options)
    return target


def codes(converted: Converted) -> dict[int, Json]:
    assert isinstance(converted.content, dict)
    return {entry["id"]: entry for entry in converted.content["annotations"]}


def test_cells_get_their_colours_and_their_order(raw, tmp_path):
    converted = convert(raw)
    assert not converted.problems
    assert converted.counts == {
        "images": 4,
        "codes": 4,
        "cells": 400,
        "inverted": 2,
        "of unknown orientation": 0,
        "undecidable": 0,
        "images left out": 0,
    }
    for index in range(4):
        image, keypoints = drawn(index)
        entry = codes(converted)[index + 11]
        assert (entry["rows"], entry["cols"], entry["num_keypoints"]) == (10, 10, 100)
        np.testing.assert_array_equal(np.reshape(entry["keypoints"], (-1, 3)), keypoints)
        x, y = keypoints[:, :2].round().astype(int).T
        assert ((image[y, x, 0] < 128) == (np.reshape(entry["keypoints"], (-1, 3))[:, 2] == 2)).all()
        low, high = keypoints[:, :2].min(axis=0), keypoints[:, :2].max(axis=0)
        np.testing.assert_allclose(entry["bbox"], [*low, *(high - low)], atol=1e-3)
        assert entry["area"] == pytest.approx(np.prod(high - low), abs=1e-2)
    folder, problems = read_folder(written(converted, tmp_path / "out"), MEANING)
    assert not problems and len(folder.images) == 4
    assert not (tmp_path / "out" / "problems.json").exists()


def test_other_keys_stay_as_they_are(raw):
    change(raw / "positions.json", lambda c: c["annotations"][1].update(text="ABC", segmentation=[[1, 2, 3, 4, 5, 6]]))
    before = json.loads((raw / "positions.json").read_text())
    converted = convert(raw)
    assert converted.content["site"] == "line 4" and converted.content["images"] == before["images"]
    assert converted.content["categories"] == before["categories"]
    entry = codes(converted)[12]
    assert (entry["text"], entry["grade"], entry["segmentation"]) == ("ABC", 1, [[1, 2, 3, 4, 5, 6]])
    assert entry["iscrowd"] == 0  # COCO asks for it


def test_a_place_that_is_not_known_stays_so_and_others_get_a_class(raw):
    def hide(content: Json) -> None:
        keypoints = content["annotations"][0]["keypoints"]
        keypoints[0:3] = [0, 0, 0]
        keypoints[5] = keypoints[8] = 0  # the place is known
        keypoints[9:12] = [0, 0, 1]  # the corner of the image

    change(raw / "positions.json", hide)
    converted = convert(raw)
    entry, (_, expected) = codes(converted)[11], drawn(0)
    expected[0], expected[3, :2] = 0, 0
    assert not converted.problems and converted.counts["cells"] == 399
    np.testing.assert_array_equal(np.reshape(entry["keypoints"], (-1, 3)), expected)
    assert entry["num_keypoints"] == 99


def test_without_a_single_finder_the_order_stays_and_is_not_claimed(raw):
    def solid(content: Json) -> None:
        grid = np.zeros((10, 10), int)
        grid[0] = grid[:, 0] = grid[-1] = 1
        content["annotations"][1]["datamatrix"]["binary_grid"] = grid.tolist()

    change(raw / "grids.json", solid)
    change(raw / "positions.json", lambda c: c["annotations"][1].update(rows=10, cols=10))
    given = json.loads((raw / "positions.json").read_text())["annotations"][1]["keypoints"]
    converted = convert(raw)
    entry = codes(converted)[12]
    assert not converted.problems and converted.counts["of unknown orientation"] == 1
    assert [note.split(",")[0] for note in converted.notes] == ["annotation 12: three outer sides are solid"]
    assert "rows" not in entry and "cols" not in entry
    assert [v for index, v in enumerate(entry["keypoints"]) if index % 3 < 2] == [
        v for index, v in enumerate(given) if index % 3 < 2
    ]
    v = np.array(entry["keypoints"][2::3]).reshape(10, 10)
    assert (v[0] == 2).all() and (v[:, 0] == 2).all() and (v[1:-1, 1:] == 1).all()


def test_several_codes_are_paired_by_id_and_single_ones_whatever_their_ids(raw):
    def two(content: Json) -> None:
        other = content["annotations"][1]
        other["image_id"] = content["images"][0]["id"]
        del content["images"][1]
        content["annotations"][3]["id"] += 50 * ("grade" not in other)

    for name in ("positions.json", "grids.json"):
        change(raw / name, two)
    change(raw / "grids.json", lambda c: c["annotations"].reverse())
    change(raw / "grids.json", lambda c: c["images"].reverse())
    converted = convert(raw)
    assert not converted.problems and converted.counts["images"] == 3 and converted.counts["codes"] == 4
    for index in range(4):
        np.testing.assert_array_equal(np.reshape(codes(converted)[index + 11]["keypoints"], (-1, 3)), drawn(index)[1])


@pytest.mark.parametrize(
    ("classes", "visibility", "black", "white"),
    [
        (("black", "white"), {0: None, 1: "black", 2: "white"}, 1, 2),
        (("white", "black"), {0: None, 5: "black", 7: "black", 2: "white"}, 5, 2),
        (("cell",), {0: None, 1: "cell", 2: "cell"}, 2, 1),
    ],
)
def test_v_as_the_mode_has_it(raw, tmp_path, classes, visibility, black, white):
    meaning = resolve_visibility(visibility, classes)
    converted = convert(raw, meaning, classes)
    _, expected = drawn(0)
    assert codes(converted)[11]["keypoints"][2::3] == np.where(expected[:, 2] == 2, black, white).tolist()
    assert not read_folder(written(converted, tmp_path / "out"), meaning)[1]


@pytest.mark.parametrize(
    ("classes", "visibility", "reason"),
    [
        (("black", "white"), {0: "white", 1: "black"}, "0 must mean 'not labelled'"),
        (("black", "white"), {1: "white", 2: "black"}, "0 must mean 'not labelled'"),
        (("cell",), {0: "cell", 1: "cell", 2: "cell"}, "0 must mean 'not labelled'"),
        (("cell",), {0: None, 1: "cell"}, "2, which is written for cells, does not mean a class"),
        (("black", "white"), {0: None, -1: "black", 1: "white"}, "no v from 1 up means black"),
    ],
)
def test_a_mode_that_cannot_be_written_is_refused(raw, classes, visibility, reason):
    with pytest.raises(CellmarkError, match=reason):
        convert(raw, resolve_visibility(visibility, classes), classes)


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


def test_an_image_without_a_code_stays(raw):
    for name, key in (("positions.json", 2), ("grids.json", 102)):
        change(raw / name, lambda c, key=key: c.update(
            annotations=[entry for entry in c["annotations"] if entry["image_id"] != key]))  # fmt: skip
    converted = convert(raw)
    assert not converted.problems and converted.counts["images"] == 4 and converted.counts["codes"] == 3


def test_an_image_cannot_take_the_name_of_a_file(raw, tmp_path):
    (raw / "1.png").rename(raw / "annotations.json")
    for name in ("positions.json", "grids.json"):
        change(raw / name, lambda c: c["images"][1].update(file_name="annotations.json"))
    with pytest.raises(CellmarkError, match=r"annotations.json: an image cannot have the name"):
        written(convert(raw), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_are_one_file_under_two_names_and_copies_are_not(raw, tmp_path):
    copied, linked = written(convert(raw), tmp_path / "a"), written(convert(raw), tmp_path / "b", link=True)
    for name in ("0.png", "3.png"):
        assert (copied / name).read_bytes() == (raw / name).read_bytes() == (linked / name).read_bytes()
        assert (linked / name).samefile(raw / name) and not (copied / name).samefile(raw / name)


def test_generated_codes_come_back_as_they_were(tmp_path):
    """Six conditions, real symbols, several codes an image; colours and order taken away, turned, inverted."""
    for _ in write(tmp_path / "synth", Parameters(3, 96, 5, (0.0, 0.5), min_pitch=2.5), workers=1):
        pass
    seen = 0
    for number, folder in enumerate(sorted(path for path in (tmp_path / "synth").iterdir() if path.is_dir())):
        truth = json.loads((folder / "annotations.json").read_text())
        (folder / "annotations.json").unlink()
        positions, grids = {**truth, "annotations": []}, {**empty(), "images": truth["images"]}
        for entry in truth["annotations"]:
            take_apart(entry, number + entry["id"], positions, grids)
            seen += 1
        write_json(folder / "positions.json", positions)
        write_json(folder / "grids.json", grids)
        converted = convert(folder)
        assert not converted.problems
        for entry, expected in zip(converted.content["annotations"], truth["annotations"], strict=True):
            # the generator computes them before it rounds to three decimals
            np.testing.assert_allclose(entry.pop("bbox"), expected.pop("bbox"), atol=2e-3)
            assert entry.pop("area") == pytest.approx(expected.pop("area"), abs=0.4)
        assert converted.content == truth
        assert all((read_image(path) > 0).any() for path in converted.pictures.values())
    assert seen > 18


def take_apart(entry: Json, turn: int, positions: Json, grids: Json) -> None:
    """Divides a code between both files; cells outside of the picture get no place."""
    keypoints = np.reshape(entry["keypoints"], (entry["rows"], entry["cols"], 3))
    black = truth_of(entry) != bool(turn % 3 == 0)
    keypoints[keypoints[..., 2] == 0] = 0
    entry["keypoints"] = [value for x, y, v in keypoints.reshape(-1, 3).tolist() for value in (x, y, int(v))]
    places = np.rot90(keypoints, turn).reshape(-1, 3).copy()
    places[:, 2] = np.minimum(places[:, 2], 1)
    stripped = {key: value for key, value in entry.items() if key not in ("rows", "cols")}
    positions["annotations"].append({**stripped, "keypoints": places.ravel().tolist()})
    grid = np.rot90(black, turn).astype(int).tolist()
    add_code(grids, entry["id"], entry["image_id"], **{"datamatrix.binary_grid": grid})


def truth_of(entry: Json) -> np.ndarray:
    """bool (rows, cols) black cells; where the file does not tell, the finder and the timing do."""
    v = np.array(entry["keypoints"][2::3]).reshape(entry["rows"], entry["cols"])
    black = v == 2
    black[:, 0] = black[-1] = True
    black[0, 1::2] = False
    return black


def test_every_turn_of_an_oblong_code(tmp_path):
    """Rows and columns change places with the turn."""
    grid = np.ones((2, 3), int)
    grid[0, 1:] = 0, 1
    grid[0, 2] = 0
    for turn, inverted in itertools.product(range(4), (0, 1)):
        folder = raw_folder(tmp_path / f"{turn}{inverted}", images=1)
        places = np.rot90(np.arange(6).reshape(2, 3), turn).ravel()
        keypoints = [value for place in places.tolist() for value in (place * 2, 5, 1)]
        given = (np.rot90(grid, turn) ^ inverted).tolist()
        change(folder / "positions.json", lambda c, k=keypoints: c["annotations"][0].update(keypoints=k))
        change(folder / "grids.json", lambda c, g=given: c["annotations"][0]["datamatrix"].update(binary_grid=g))
        entry = codes(convert(folder))[11]
        assert (entry["rows"], entry["cols"]) == (2, 3)
        assert entry["keypoints"][::3] == [0, 2, 4, 6, 8, 10]
        assert entry["keypoints"][2::3] == [2, 1, 1, 2, 2, 2]
