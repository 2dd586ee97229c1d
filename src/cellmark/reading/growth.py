"""From one cell outwards: which cells are neighbours on one lattice, however bent it is."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial import cKDTree

NEAR = 0.36  # how far from its predicted place a cell may be, in cell pitches
OUTLIER = 0.33  # how far from the middle of its neighbours' predictions a cell may be in the end
STRAY = 3.5  # times as far from there as the middle one of all cells: a stray, if that is within ...
STRICT = 0.15, OUTLIER  # ... these, in cell pitches
SETTLED = 3  # turns of taking out and taking
PRUNED = 3  # rings after which cells that do not fit are taken out again
BRIDGE = 3  # cells in a row that may be missing
FAINT = 0.2  # weight of a place that was only predicted, against that of a cell, for each step away from cells
LARGEST = 170  # cells a side: more than the largest symbol has
WINDOW = 1.8  # cells, standard deviation of the window of the regression
PRIOR = 0.5  # cells, weight of the mean steps of the whole lattice against those near a place
ROOM = 4  # rows and columns that are added at every side at a time
_AWAY = np.arange(-5.0, 6.0)  # from a place in the window to its middle: filters look from there
_WINDOW = np.exp(-0.5 * (_AWAY / WINDOW) ** 2)
_POWERS = [_WINDOW * _AWAY**power for power in range(3)]
_ALL, _BEFORE, _AFTER = slice(None), slice(None, -1), slice(1, None)


@dataclass(frozen=True)
class Grid:
    """Cells in rows and columns; where the code's corners are is not known yet.

    Attributes:
        places: float64 (rows, cols, 2) x, y of every place; NaN where nothing is known.
        cells: int (rows, cols) index of the cell at each place, -1 where none was seen.
    """

    places: np.ndarray
    cells: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Bool (rows, cols): places where a cell was seen."""
        result: np.ndarray = self.cells >= 0
        return result


def grow(points: np.ndarray, tree: cKDTree, seed: tuple[int, np.ndarray, np.ndarray], used: np.ndarray) -> Grid:
    """Grows a lattice from a seed, a ring of places at a time.

    Every place at the rim is predicted from the cells around it and the steps between them, and takes the cell that
    lies there. Where none does, the prediction itself serves for up to ``BRIDGE`` places, so that holes are crossed.
    In the end, cells that disagree with their neighbours are taken out again.

    Args:
        points: (N, 2) centres of cells.
        tree: of the points.
        seed: a cell, its neighbours to both sides, and those above and below it.
        used: bool (N,) cells that belong to another lattice.
    """
    growth = _Growth(points, tree, used)
    growth.plant(seed)
    quiet = rings = most = 0
    while quiet <= BRIDGE and max(growth.places.shape[:2]) < LARGEST:
        rings += 1
        growth.ring(pruned=rings % PRUNED == 0)
        seen = int((growth.cells >= 0).sum())
        quiet, most = (0, seen) if seen > most else (quiet + 1, most)
    growth.prune()
    return growth.grid()


class _Growth:
    """The lattice while it grows; its arrays always have two empty rows and columns at every side."""

    def __init__(self, points: np.ndarray, tree: Any, used: np.ndarray) -> None:
        self.points, self.tree = points, tree
        self.free = ~used
        self.places = np.zeros((9, 9, 2))
        self.cells = np.full((9, 9), -1)
        self.age = np.full((9, 9), np.inf)  # steps to the nearest seen cell; inf: not even predicted

    def plant(self, seed: tuple[int, np.ndarray, np.ndarray]) -> None:
        cell, right, down = seed
        for row, col, index in (
            (4, 4, cell),
            (4, 5, right[0]),
            (4, 3, right[1]),
            (5, 4, down[0]),
            (3, 4, down[1]),
        ):
            self._set(np.array([row]), np.array([col]), np.array([index]))

    def _set(self, rows: np.ndarray, cols: np.ndarray, index: np.ndarray) -> None:
        self.places[rows, cols] = self.points[index]
        self.cells[rows, cols] = index
        self.age[rows, cols] = 0
        self.free[index] = False

    def fill(self, box: tuple[slice, slice]) -> None:
        """Predicts every place of ``box`` that is not known, from the known ones outwards."""
        while not np.isfinite(self.age[box]).all():
            predicted, _, _ = self.predict()
            age = 1 + _least_around(self.age)
            fresh = ~np.isfinite(self.age) & np.isfinite(age)
            self.places[fresh], self.age[fresh] = predicted[fresh], age[fresh]

    def take(self, allowed: np.ndarray) -> None:
        """Predicts all allowed places without a cell anew; those take the cell that lies there."""
        predicted, _, pitch = self.predict()
        rows, cols = np.nonzero((self.cells < 0) & allowed)
        if not len(rows):
            return
        self.places[rows, cols] = predicted[rows, cols]
        self._match(rows, cols, predicted[rows, cols], NEAR * pitch[rows, cols])

    def _match(self, rows: np.ndarray, cols: np.ndarray, target: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Gives places the free cells that lie within ``reach`` of their targets; bool, which places got one."""
        distance, index = self.tree.query(target)
        taken: np.ndarray = (distance < reach) & self.free[index]
        taken &= _nearest_only(index, distance, taken)
        self._set(rows[taken], cols[taken], index[taken])
        return taken

    def ring(self, pruned: bool) -> None:
        """Predicts all places next to the lattice, and takes the cells that lie there; see ``prune``."""
        self._make_room()
        predicted, weight, pitch = self.predict()
        if pruned:
            self._take_out(predicted, weight, pitch)
        open_places = (self.cells < 0) & np.isfinite(_least_around(self.age))
        rows, cols = np.nonzero(open_places)
        if not len(rows):
            return
        target = predicted[rows, cols]
        taken = self._match(rows, cols, target, NEAR * pitch[rows, cols])
        rows, cols, target = rows[~taken], cols[~taken], target[~taken]
        age = 1 + _least_around(self.age)[rows, cols]
        bridged = age <= BRIDGE
        rows, cols = rows[bridged], cols[bridged]
        self.places[rows, cols], self.age[rows, cols] = target[bridged], age[bridged]

    def predict(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where every place lies according to the places around it, but not to itself.

        Local linear regression: around each place, ``x = a + b r + c q`` is fitted to the places within a Gaussian
        window, with r and q the rows and columns from it. The mean steps of the whole lattice count as much as
        ``PRIOR`` cells, so that a few cells in line are no problem.

        Returns:
            Places (rows, cols, 2), the weight of what they rest on (0: nothing), and the cell pitch there.
        """
        weight = self.weights()
        mean_down, mean_right = self._mean_steps(weight)
        held = np.dstack([weight, self.places * weight[..., None]])
        one, row, col = (_moment(held, *powers) for powers in ((0, 0), (1, 0), (0, 1)))
        rr, rc, cc = (_moment(weight, *powers) for powers in ((2, 0), (1, 1), (0, 2)))
        one -= held  # not to itself; the middle of the window has the weight 1
        s, tr, tc = one[..., 0], row[..., 0], col[..., 0]
        total = np.maximum(s, 1e-9)
        # Centred on the mean of the window, the regression has two unknowns left
        mr, mc = tr / total, tc / total
        vrr, vrc, vcc = rr - tr * mr + PRIOR, rc - tr * mc, cc - tc * mc + PRIOR
        mean = one[..., 1:] / total[..., None]
        ur = row[..., 1:] - mean * tr[..., None] + PRIOR * mean_down
        uc = col[..., 1:] - mean * tc[..., None] + PRIOR * mean_right
        determinant = (vrr * vcc - vrc * vrc)[..., None]
        down = (ur * vcc[..., None] - uc * vrc[..., None]) / determinant
        right = (uc * vrr[..., None] - ur * vrc[..., None]) / determinant
        predicted = mean - down * mr[..., None] - right * mc[..., None]
        shortest = np.minimum((right * right).sum(axis=2), (down * down).sum(axis=2))
        return predicted, np.where(s > 1e-6, s, 0.0), np.sqrt(shortest)

    def weights(self) -> np.ndarray:
        """What every place counts: cells fully, places that were only predicted less and less."""
        return np.where(np.isfinite(self.age), FAINT ** np.minimum(self.age, 9), 0.0)

    def _mean_steps(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean step to the next row, and to the next column."""
        means = []
        for one, other in (((_BEFORE, _ALL), (_AFTER, _ALL)), ((_ALL, _BEFORE), (_ALL, _AFTER))):
            both = weight[one] * weight[other]
            step = (self.places[other] - self.places[one]) * both[..., None]
            means.append(step.reshape(-1, 2).sum(axis=0) / max(float(both.sum()), 1e-12))
        return means[0], means[1]

    def _make_room(self) -> None:
        known = np.isfinite(self.age)
        inner = known[2:-2, 2:-2]
        if int(inner.sum()) < int(known.sum()):
            pad = [(ROOM, ROOM), (ROOM, ROOM)]
            self.places = np.pad(self.places, [*pad, (0, 0)])
            self.cells = np.pad(self.cells, pad, constant_values=-1)
            self.age = np.pad(self.age, pad, constant_values=np.inf)

    def prune(self, strict: bool = False) -> None:
        """Takes out cells that lie aside of where their neighbours have them, or that have hardly any.

        Args:
            strict: takes also those out that lie further aside than cells of this lattice do.
        """
        self._take_out(*self.predict(), strict=strict)

    def _take_out(self, predicted: np.ndarray, weight: np.ndarray, pitch: np.ndarray, strict: bool = False) -> None:
        away = np.linalg.norm(self.places - predicted, axis=2) / np.maximum(pitch, 1e-9)
        seen, limit = self.cells >= 0, OUTLIER
        if strict and seen.any():
            limit = float(np.clip(STRAY * np.median(away[seen]), *STRICT))
        wrong = seen & ((away > limit) | (weight < 1.0))
        self.free[self.cells[wrong]] = True
        self.cells[wrong] = -1
        self.places[wrong], self.age[wrong] = predicted[wrong], 1

    def grid(self) -> Grid:
        places = np.where(np.isfinite(self.age)[..., None], self.places, np.nan)
        seen = self.cells >= 0
        if not seen.any():
            return Grid(places[:0, :0], self.cells[:0, :0])
        rows, cols = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        return Grid(places[box], self.cells[box])


def widen(grid: Grid, margin: int) -> Grid:
    """The lattice with a place for every cell, and ``margin`` more rows and columns at every side.

    Places in its holes and beyond it are continued from the others.
    """
    growth = _framed(grid, np.zeros((1, 2)), None, margin + 2)
    inner = slice(2, -2), slice(2, -2)
    growth.fill(inner)
    return Grid(growth.places[inner], growth.cells[inner])


def settle(grid: Grid, points: np.ndarray, tree: cKDTree, rows: tuple[int, int], cols: tuple[int, int]) -> Grid:
    """A rectangle of the lattice with only cells that agree with their neighbours.

    In turns, cells that lie aside are taken out, and places take the cell that lies there.

    Args:
        grid: the lattice, with a place for every cell.
        points: (N, 2) centres of cells.
        tree: of the points.
        rows: first row and the one after the last.
        cols: likewise.
    """
    growth = _framed(grid, points, tree, 2)
    box = slice(rows[0] + 2, rows[1] + 2), slice(cols[0] + 2, cols[1] + 2)
    inside = np.zeros(growth.cells.shape, bool)
    inside[box] = True
    growth.free[growth.cells[(growth.cells >= 0) & inside]] = False
    growth.fill(box)
    for _ in range(SETTLED):
        growth.prune()
        growth.take(inside)
    growth.prune(strict=True)
    return Grid(growth.places[box], growth.cells[box])


def _framed(grid: Grid, points: np.ndarray, tree: cKDTree | None, pad: int) -> _Growth:
    """A lattice as one that grows, with ``pad`` empty rows and columns at every side; only seen cells have places."""
    growth = _Growth(points, tree, np.zeros(len(points), bool))
    seen = np.pad(grid.seen, pad)
    growth.cells = np.pad(grid.cells, pad, constant_values=-1)
    growth.places = np.where(seen[..., None], np.pad(grid.places, [(pad, pad), (pad, pad), (0, 0)]), 0.0)
    growth.age = np.where(seen, 0.0, np.inf)
    return growth


def _least_around(values: np.ndarray) -> np.ndarray:
    """Least of each value and the eight around it."""
    return cv2.erode(values, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT, borderValue=float("inf"))


def _moment(values: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """Sum over the window around each place of values times powers of the rows and columns from it."""
    return cv2.sepFilter2D(values, -1, _POWERS[cols], _POWERS[rows], borderType=cv2.BORDER_CONSTANT)


def _nearest_only(index: np.ndarray, distance: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Where several places want one cell, only the nearest gets it."""
    order = np.lexsort((distance, ~taken))
    _, first = np.unique(index[order], return_index=True)
    result = np.zeros(len(index), bool)
    result[order[first]] = True
    return result
