"""A grown lattice made whole: continued, smoothed, and with only cells that agree with their neighbours."""

import numpy as np
from scipy.spatial import cKDTree

from cellmark.reading.growth import UNKNOWN, Grid, Growth

SETTLED = 3  # turns of taking out and taking, unless one changes nothing


def widen(grid: Grid, margin: int) -> Grid:
    """The lattice with a place for every cell, and ``margin`` more rows and columns at every side.

    Places in its holes and beyond it are continued from the others.
    """
    growth = _framed(grid, np.zeros((1, 2)), None, margin + 2)
    inner = slice(2, -2), slice(2, -2)
    growth.fill(inner)
    return Grid(growth.places[inner], growth.cells[inner])


def smoothed(grid: Grid) -> np.ndarray:
    """Places (rows, cols, 2) of which those with a cell have moved half the way to where their neighbours have them."""
    growth = _framed(grid, np.zeros((1, 2)), None, 2)
    rows, cols = np.nonzero(growth.cells >= 0)
    places = grid.places.copy()
    places[rows - 2, cols - 2] = (growth.places[rows, cols] + growth.predict(rows, cols).places) / 2
    return places


def settle(
    grid: Grid, points: np.ndarray, tree: cKDTree, used: np.ndarray, rows: tuple[int, int], cols: tuple[int, int]
) -> Grid:
    """A rectangle of the lattice with only cells that agree with their neighbours.

    In turns, cells that lie aside are taken out, and places take the cell that lies there.

    Args:
        grid: the lattice, with a place for every cell.
        points: (N, 2) centres of cells.
        tree: of the points.
        used: bool (N,) cells that belong to another lattice.
        rows: first row and the one after the last.
        cols: likewise.
    """
    growth = _framed(grid, points, tree, 2)
    growth.free &= ~used
    box = slice(rows[0] + 2, rows[1] + 2), slice(cols[0] + 2, cols[1] + 2)
    inside = np.zeros(growth.cells.shape, bool)
    inside[box] = True
    growth.free[growth.cells[(growth.cells >= 0) & inside]] = False
    growth.fill(box)
    for _ in range(SETTLED):
        before = growth.cells.copy()
        growth.prune()
        growth.take(inside)
        if np.array_equal(growth.cells, before):
            break
    growth.prune(strict=True)
    return Grid(growth.places[box], growth.cells[box])


def _framed(grid: Grid, points: np.ndarray, tree: cKDTree | None, pad: int) -> Growth:
    """A lattice as one that grows, with ``pad`` empty rows and columns at every side; only seen cells have places."""
    growth = Growth(points, tree, np.zeros(len(points), bool))
    seen = np.pad(grid.seen, pad)
    growth.cells = np.pad(grid.cells, pad, constant_values=-1)
    growth.places = np.where(seen[..., None], np.pad(grid.places, [(pad, pad), (pad, pad), (0, 0)]), 0.0)
    growth.age = np.where(seen, 0, UNKNOWN).astype(np.uint8)
    growth.measure()
    return growth
