"""Positions and grids: what they become."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from cellmark.data.annotations import resolve_visibility
from cellmark.data.coco import read_folder
from cellmark.data.generate.dataset import Parameters, write
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from cellmark.files import write_json
from tests.data.prepare.convert.converting import MEANING, codes, convert, written
from tests.data.prepare.convert.raw import Json, add_code, change, drawn, empty, raw_folder


@pytest.fixture
def raw(tmp_path) -> Path:
    return raw_folder(tmp_path / "raw")


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
