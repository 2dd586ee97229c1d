"""Which rectangle of a lattice is a code, and which way it faces."""

import numpy as np
import pytest

from cellmark.reading.frames import find_frames, straighten, upright
from cellmark.reading.growth import Grid
from cellmark.symbology import SYMBOLS, Symbol, by_shape
from tests.reading.lattices import symbol_modules

WAYS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]


def values_of(symbol: Symbol, turns: int = 0, mirrored: bool = False, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The modules, and what a lattice that sees them turned or from behind holds: -1 white to 1 black."""
    modules = symbol_modules(np.random.default_rng(seed), symbol)
    seen = modules[::-1, ::-1].T if mirrored else modules
    return modules, np.rot90(np.where(seen, 1.0, -1.0), -turns)


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: f"{symbol.rows}x{symbol.cols}")
def test_every_size_is_told_and_brought_upright(symbol):
    modules, values = values_of(symbol, turns=1)
    frames = find_frames(values, np.ones(values.shape, bool), 4)
    assert frames[0].symbol == symbol
    assert frames[0].score == pytest.approx(1)
    rectangle = values[slice(*frames[0].rows), slice(*frames[0].cols)]
    assert any(np.array_equal(frame.upright(rectangle) > 0, modules) for frame in frames[:2])


@pytest.mark.parametrize(("turns", "mirrored"), WAYS)
@pytest.mark.parametrize("shape", [(14, 14), (8, 18)])
@pytest.mark.parametrize("inverted", [False, True])
def test_every_way_to_see_a_code_is_told(turns, mirrored, shape, inverted):
    modules, values = values_of(by_shape[shape], turns, mirrored)
    frames = find_frames(-values if inverted else values, np.ones(values.shape, bool), 2)
    exact = [f for f in frames if np.array_equal(f.upright(values) > 0, modules)]
    assert [(f.turns, f.mirrored, f.inverted) for f in exact] == [(turns, mirrored, inverted)]


def test_a_code_within_a_larger_lattice_is_found_where_it_lies():
    rng = np.random.default_rng(2)
    _, values = values_of(by_shape[16, 16])
    field = rng.choice([-1.0, 1.0], (30, 34))
    field[5:21, 9:25] = values
    frame = find_frames(field, np.ones(field.shape, bool), 1)[0]
    assert (frame.rows, frame.cols) == ((5, 21), (9, 25))


def test_a_border_that_was_not_seen_lies_beyond_the_lattice():
    _, values = values_of(by_shape[18, 18])
    part, seen = np.pad(values[2:, :-1], 3), np.pad(np.ones((16, 17), bool), 3)
    frame = find_frames(part, seen, 1)[0]
    assert (frame.rows, frame.cols) == ((1, 19), (3, 21))
    assert frame.score < 0.9


def test_nothing_is_found_where_too_few_cells_were_seen():
    _, values = values_of(by_shape[12, 12])
    seen = np.zeros(values.shape, bool)
    seen[:5] = True
    assert find_frames(np.where(seen, values, 0.0), seen, 5) == []


def test_bringing_upright_keeps_further_axes_and_is_its_own_kind_of_turn():
    values = np.arange(2 * 3 * 2).reshape(2, 3, 2)
    assert upright(values, 1, False).shape == (3, 2, 2)
    assert np.array_equal(upright(values, 0, True), values[::-1, ::-1].swapaxes(0, 1))
    assert np.array_equal(upright(upright(values, 0, True), 0, True), values)


@pytest.mark.parametrize("shear", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_lattice_grown_along_diagonals_is_straightened(shear):
    rows, cols = np.mgrid[:14, :20]
    down, right = rows + shear[0] * cols, cols + shear[1] * rows
    down, right = down - down.min(), right - right.min()
    places = np.full((down.max() + 1, right.max() + 1, 2), np.nan)
    cells = np.full(places.shape[:2], -1)
    places[down, right] = np.stack([cols, rows], axis=2)
    cells[down, right] = np.arange(280).reshape(14, 20)
    straight = straighten(Grid(places, cells))
    assert straight.cells.shape == (14, 20)
    assert np.array_equal(straight.cells, np.arange(280).reshape(14, 20))


def test_a_straight_lattice_stays():
    cells = np.arange(100).reshape(10, 10)
    grid = Grid(np.zeros((10, 10, 2)), cells)
    assert straighten(grid) is grid
