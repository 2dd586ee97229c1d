"""The finder rule against all small grids and all sizes of the standard."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from cellmark.data.json_entries import Entry
from cellmark.data.prepare.convert.grids import find_finder, has_grid, parse_grid

SIDES = ("top", "right", "bottom", "left")
SMALL = [shape for shape in itertools.product((1, 2, 3), repeat=2) if shape != (3, 3)] + [(3, 3), (3, 4)]


def sides(grid: np.ndarray) -> dict[str, np.ndarray]:
    return {"top": grid[0], "right": grid[:, -1], "bottom": grid[-1], "left": grid[:, 0]}


def solid_pairs(grid: np.ndarray, value: int) -> list[tuple[str, str]]:
    """Pairs of sides that meet in a corner and hold nothing but ``value``."""
    found = {name for name, cells in sides(grid).items() if set(cells.tolist()) == {value}}
    pairs = [(name, SIDES[(place + 1) % 4]) for place, name in enumerate(SIDES)]
    return [pair for pair in pairs if found >= set(pair)]


def grids_of(shape: tuple[int, int]) -> list[np.ndarray]:
    cells = itertools.product((0, 1), repeat=shape[0] * shape[1])
    return [np.array(values).reshape(shape) for values in cells]


@pytest.mark.parametrize("shape", SMALL)
def test_the_rule_on_every_small_grid(shape):
    """Never are both values solid on two adjacent sides; the value that is decides, unless it is on all four."""
    for grid in grids_of(shape):
        ones, zeros = solid_pairs(grid, 1), solid_pairs(grid, 0)
        assert not (ones and zeros)
        finder = find_finder(grid.astype(bool))
        if len(ones + zeros) in (0, 4):
            assert finder is None
            continue
        assert finder is not None and finder.inverted is bool(zeros)
        assert (finder.black == (grid if ones else 1 - grid)).all()
        assert (finder.turn is None) is (len(ones + zeros) > 1)
        if finder.turn is None:
            assert finder.shape is None and finder.order.tolist() == list(range(grid.size))


def test_a_frame_of_white_around_the_code_is_no_finder():
    framed = np.pad(version(3), 1)
    assert find_finder(framed) is None and find_finder(~framed) is None
    assert find_finder(version(3)) is not None


def version(number: int) -> np.ndarray:
    """The modules of a real symbol, True for black."""
    code = zxingcpp.create_barcode("A1", zxingcpp.BarcodeFormat.DataMatrix, version=number)
    return np.array(code.to_image(scale=1, add_quiet_zones=False)) < 128


@pytest.mark.parametrize("number", range(1, 49))
def test_every_size_of_the_standard_is_turned_back(number):
    modules = version(number)
    for turn, inverted in itertools.product(range(4), (False, True)):
        given = np.rot90(modules, turn) != inverted
        finder = find_finder(given)
        assert finder is not None and finder.inverted is inverted
        assert finder.shape == modules.shape
        assert finder.turn == (-turn) % 4
        assert (finder.black.ravel()[finder.order].reshape(finder.shape) == modules).all()


def test_a_grid_is_never_mirrored():
    """A mirrored symbol has its finder on the left and at the bottom after one turn, and stays mirrored."""
    modules = version(3)
    finder = find_finder(np.fliplr(modules))
    turned = finder.black.ravel()[finder.order].reshape(finder.shape)
    assert (turned == np.rot90(np.fliplr(modules), finder.turn)).all() and not (turned == modules).all()


def parsed(values: object) -> tuple[np.ndarray | None, list[str]]:
    problems: list = []
    entry = Entry(Path("grids.json"), "annotation 7", json.loads(json.dumps(values)), problems)
    grid = parse_grid(entry)
    assert all((problem.file, problem.record) == (entry.file, "annotation 7") for problem in problems)
    return grid, [problem.reason for problem in problems]


@pytest.mark.parametrize("rows", [[[0, 1], [1, 1]], [[False, True], [True, True]], [[0.0, 1.0], [1, True]]])
def test_what_equals_0_or_1_is_a_cell(rows):
    both = {"datamatrix": {"binary_grid": rows}, "datamatrix.binary_grid": rows}
    for values in (both, *({key: value} for key, value in both.items())):
        grid, problems = parsed(values)
        assert not problems and grid.dtype == bool and grid.tolist() == [[False, True], [True, True]]
        assert has_grid(values)


BROKEN = [
    ([[0, 1], [1]], "has 1 cells in row 1, but 2 in row 0"),
    ([[0, 2]], "has 2 in row 0, column 1, neither 0 nor 1"),
    ([[0], [-1]], "has -1 in row 1, column 0, neither 0 nor 1"),
    ([[0.5]], "has 0.5 in row 0, column 0"),
    ([[float("nan")]], "has nan in row 0, column 0"),
    ([["1"]], "has '1' in row 0, column 0"),
    ([[None]], "has None in row 0, column 0"),
    ([[[1]]], "has a list of 1 in row 0, column 0"),
    ([0, 1], "has 0 as row 0, not a list"),
    ([[0], None], "has None as row 1, not a list"),
    ("01", "is '01', not a list of rows"),
    (None, "is None, not a list of rows"),
    ([], "is empty"),
    ([[], []], "is empty"),
]


@pytest.mark.parametrize(("rows", "reason"), BROKEN)
def test_what_is_no_grid_is_noted(rows, reason):
    for values in ({"datamatrix": {"binary_grid": rows}}, {"datamatrix.binary_grid": rows}):
        grid, problems = parsed(values)
        assert grid is None and len(problems) == 1
        assert problems[0].startswith(f"datamatrix.binary_grid {reason}")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "datamatrix.binary_grid is missing"),
        ({"datamatrix": {"text": "A"}}, "datamatrix.binary_grid is missing"),
        ({"datamatrix": [1]}, "datamatrix is a list of 1, not an object"),
        (
            {"datamatrix": {"binary_grid": [[1]]}, "datamatrix.binary_grid": [[0]]},
            "datamatrix.binary_grid is there under the nested and the flat key, and they differ",
        ),
    ],
)
def test_a_grid_that_is_not_there_or_there_twice_is_noted(values, reason):
    assert parsed(values) == (None, [reason])
