"""From one cell outwards: which cells are neighbours on one lattice, however bent it is."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from scipy.spatial import cKDTree

NEAR = 0.36  # how far from its predicted place a cell may be, in cell pitches
OUTLIER = 0.33  # how far from the middle of its neighbours' predictions a cell may be in the end
WILD = 0.18  # the middle one of those that stay is further away: no lattice; those that could be read had 0.07 to 0.16
STRAY = 3.5  # times as far from there as the middle one of all cells: a stray, if that is within ...
STRICT = 0.15, OUTLIER  # ... these, in cell pitches
PRUNED = 3  # rings after which cells that do not fit are taken out again
FURTHER = 0.5  # of NEAR for a cell beyond the next ring; the first rings take none
BRIDGE = 3  # cells in a row that may be missing
FAINT = 0.2  # weight of a place that was only predicted, against that of a cell, for each step away from cells
LARGEST = 170  # cells a side: more than the largest symbol has
WINDOW = 1.8  # cells, standard deviation of the window of the regression
PRIOR = 0.5  # cells, weight of the mean steps of the whole lattice against those near a place
ROOM = 4  # rows and columns that are added at every side at a time
REACH = 5  # cells from the middle of the window to its sides
_AWAY = np.arange(-REACH, REACH + 1)
_POWERS = (np.exp(-0.5 * (_AWAY / WINDOW) ** 2) * _AWAY ** np.arange(3.0)[:, None]).astype(np.float32)
UNKNOWN = 10  # the age of a place that is not even predicted
_WEIGHT = np.append(FAINT ** np.arange(float(UNKNOWN)), 0.0).astype(
    np.float32
)  # what a place of some age counts in a prediction
_OLDER = np.append(np.minimum(np.arange(UNKNOWN) + 1, UNKNOWN - 1), np.full(256 - UNKNOWN, UNKNOWN)).astype(np.uint8)
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


def grow(
    points: np.ndarray,
    tree: cKDTree,
    seed: tuple[int, np.ndarray, np.ndarray],
    used: np.ndarray,
    most_rings: int = LARGEST,
) -> Grid | None:
    """Grows a lattice from a seed, a ring of places at a time.

    Every place at the rim is predicted from the cells around it and the steps between them, and takes the cell that
    lies there; after the first rings so do places one further, if a cell is very close. Where none is, the prediction
    itself serves for up to ``BRIDGE`` places, so that holes are crossed.
    Now and then, cells that disagree with their neighbours are taken out again.

    Args:
        points: (N, 2) centres of cells.
        tree: of the points.
        seed: a cell, its neighbours to both sides, and those above and below it.
        used: bool (N,) cells that belong to another lattice.
        most_rings: stop there.

    Returns:
        The lattice; None where most cells lie as far aside of their neighbours' predictions as they do by chance.
    """
    growth = Growth(points, tree, used)
    growth.plant(seed)
    quiet = rings = most = 0
    while quiet < BRIDGE and rings < most_rings and max(growth.cells.shape) < LARGEST:
        rings += 1
        if rings % PRUNED == 0 and growth.prune() > WILD and rings > PRUNED:  # so few cells tell nothing at first
            return None
        growth.ring(further=rings > PRUNED)
        seen = int((growth.cells >= 0).sum())
        quiet, most = (0, seen) if seen > most else (quiet + 1, most)
    return None if growth.prune() > WILD else growth.grid()


class _Predicted(NamedTuple):
    """Places (N, 2), the weight (N,) of what they rest on, 0 for nothing, and the cell pitch (N,) there."""

    places: np.ndarray
    weight: np.ndarray
    pitch: np.ndarray


class Growth:
    """The lattice while it grows; its arrays always have two empty rows and columns at every side."""

    def __init__(self, points: np.ndarray, tree: Any, used: np.ndarray) -> None:
        """Begins with nothing, on points (N, 2) of which those in bool (N,) ``used`` are not to be taken."""
        self.points, self.tree = points, tree
        self.free = ~used
        self.places = np.zeros((9, 9, 2))
        self.cells = np.full((9, 9), -1)
        self.age = np.full((9, 9), UNKNOWN, np.uint8)  # steps to the nearest seen cell
        self.steps = np.zeros((2, 2))  # to the next row and to the next column: their means over the lattice

    def plant(self, seed: tuple[int, np.ndarray, np.ndarray]) -> None:
        """Sets the first five cells: one, its neighbours to both sides, and those above and below it."""
        cell, right, down = seed
        self._set(np.array([4, 4, 4, 5, 3]), np.array([4, 5, 3, 4, 4]), np.array([cell, *right, *down]))
        self.measure()

    def _set(self, rows: np.ndarray, cols: np.ndarray, index: np.ndarray) -> None:
        self.places[rows, cols] = self.points[index]
        self.cells[rows, cols] = index
        self.age[rows, cols] = 0
        self.free[index] = False

    def fill(self, box: tuple[slice, slice]) -> None:
        """Predicts every place of ``box`` that is not known, from the known ones outwards."""
        while (self.age[box] == UNKNOWN).any():
            age = _around(self.age)
            rows, cols = np.nonzero((self.age == UNKNOWN) & (age < UNKNOWN))
            self.places[rows, cols] = self.predict(rows, cols).places
            self.age[rows, cols] = age[rows, cols]

    def take(self, allowed: np.ndarray) -> None:
        """Predicts all allowed places without a cell anew; those take the cell that lies there."""
        rows, cols = np.nonzero((self.cells < 0) & allowed)
        if len(rows):
            predicted = self.predict(rows, cols)
            self.places[rows, cols] = predicted.places
            self._match(rows, cols, predicted.places, NEAR * predicted.pitch)

    def ring(self, further: bool) -> None:
        """Predicts all places next to the lattice, and takes the cells that lie there.

        Args:
            further: also the places next to those, for cells very close to their prediction.
        """
        self._make_room()
        age = _around(self.age)
        rim = _around(age) if further else age
        rows, cols = np.nonzero((self.cells < 0) & (rim < UNKNOWN))
        predicted = self.predict(rows, cols)
        age = age[rows, cols]
        reach = NEAR * np.where(age < UNKNOWN, 1.0, FURTHER) * predicted.pitch
        bridged = ~self._match(rows, cols, predicted.places, reach) & (age <= BRIDGE)
        rows, cols = rows[bridged], cols[bridged]
        self.places[rows, cols], self.age[rows, cols] = predicted.places[bridged], age[bridged]

    def _match(self, rows: np.ndarray, cols: np.ndarray, target: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Gives places the free cells that lie within ``reach`` of their targets; bool, which places got one."""
        distance, index = self.tree.query(target, distance_upper_bound=reach.max(initial=0.0))
        taken: np.ndarray = distance < reach  # infinite, and no index, where there is none so near
        taken[taken] = self.free[index[taken]]
        taken[taken] = _nearest_only(index[taken], distance[taken])
        self._set(rows[taken], cols[taken], index[taken])
        return taken

    def predict(self, rows: np.ndarray, cols: np.ndarray) -> _Predicted:
        """Where places lie according to the places around them, but not to themselves.

        Local linear regression: around each place, ``x = a + b r + c q`` is fitted to the places within a Gaussian
        window, with r and q the rows and columns from it. The mean steps of the whole lattice count as much as
        ``PRIOR`` cells, so that a few cells in line are no problem.
        """
        weight = _WEIGHT[self.age]
        held = np.zeros((3, weight.shape[0], weight.shape[1] + 2 * REACH), np.float32)  # twice as fast, to 1/1000 pixel
        inner = held[..., REACH:-REACH]
        inner[0] = weight
        np.multiply(self.places.transpose(2, 0, 1), weight, out=inner[1:])
        sums = _moments(held, rows, cols)
        one, row, col = sums[:, 0, 0], sums[:, 1, 0], sums[:, 0, 1]
        rr, rc, cc = sums[0, 2, 0], sums[0, 1, 1], sums[0, 0, 2]
        one = one - inner[:, rows, cols]  # not to itself; the middle of the window has the weight 1
        total = np.maximum(one[0], 1e-9)
        # Centred on the mean of the window, the regression has two unknowns left
        mean, mr, mc = one[1:] / total, row[0] / total, col[0] / total
        vrr, vrc, vcc = rr - row[0] * mr + PRIOR, rc - row[0] * mc, cc - col[0] * mc + PRIOR
        prior = PRIOR * self.steps[..., None].astype(np.float32)
        ur, uc = row[1:] - mean * row[0] + prior[0], col[1:] - mean * col[0] + prior[1]
        determinant = vrr * vcc - vrc * vrc
        down, right = (ur * vcc - uc * vrc) / determinant, (uc * vrr - ur * vrc) / determinant
        shortest = np.minimum(right[0] ** 2 + right[1] ** 2, down[0] ** 2 + down[1] ** 2)
        return _Predicted((mean - down * mr - right * mc).T, one[0], np.sqrt(shortest))

    def measure(self) -> None:
        """Measures the mean step to the next row, and to the next column."""
        weight = _WEIGHT[self.age]
        for axis, (one, other) in enumerate((((_BEFORE, _ALL), (_AFTER, _ALL)), ((_ALL, _BEFORE), (_ALL, _AFTER)))):
            both = weight[one] * weight[other]
            step = both.ravel() @ (self.places[other] - self.places[one]).reshape(-1, 2)
            self.steps[axis] = step / max(float(both.sum()), 1e-12)

    def _make_room(self) -> None:
        rows, cols = np.nonzero(self.age < UNKNOWN)
        height, width = self.age.shape
        if min(rows.min(), cols.min()) < 2 or rows.max() >= height - 2 or cols.max() >= width - 2:
            self.places = _padded(self.places, 0.0)
            self.cells = _padded(self.cells, -1)
            self.age = _padded(self.age, UNKNOWN)

    def prune(self, strict: bool = False) -> float:
        """Takes out cells that lie aside of where their neighbours have them, or that have hardly any.

        Args:
            strict: takes also those out that lie further aside than cells of this lattice do.

        Returns:
            How far aside the middle one of those that stay lies, in cell pitches; infinity where none stays.
        """
        rows, cols = np.nonzero(self.cells >= 0)
        if not len(rows):
            return math.inf
        predicted = self.predict(rows, cols)
        aside = np.linalg.norm(self.places[rows, cols] - predicted.places, axis=1) / predicted.pitch
        limit = float(np.clip(STRAY * np.median(aside), *STRICT)) if strict else OUTLIER
        wrong = (aside > limit) | (predicted.weight < 1.0)
        scatter = math.inf if wrong.all() else float(np.median(aside[~wrong]))
        rows, cols = rows[wrong], cols[wrong]
        self.free[self.cells[rows, cols]] = True
        self.cells[rows, cols], self.age[rows, cols] = -1, 1
        self.places[rows, cols] = predicted.places[wrong]
        self.measure()
        return scatter

    def grid(self) -> Grid:
        """The rectangle of all places with a cell."""
        places = np.where((self.age < UNKNOWN)[..., None], self.places, np.nan)
        seen = self.cells >= 0
        if not seen.any():
            return Grid(places[:0, :0], self.cells[:0, :0])
        rows, cols = np.nonzero(seen.any(axis=1))[0], np.nonzero(seen.any(axis=0))[0]
        box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
        return Grid(places[box], self.cells[box])


def _moments(held: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Sums over the windows of values times powers of the rows and columns from their middles.

    The window is a product of one along the rows and one along the columns: first all columns are summed, then what
    places need of the rows.

    Args:
        held: (K, H, W + 2 REACH) values, with REACH empty columns at either side.
        rows: (N,) of the middles.
        cols: (N,) likewise, without the empty ones.

    Returns:
        (K, 3, 3, N): power of the row 0..2, power of the column 0..2.
    """
    _, height, width = held.shape
    down = (_bands(height) @ held).reshape(-1, height * width)
    windows = down.take(rows * width + cols + np.arange(2 * REACH + 1)[:, None], axis=1)  # (3 K, 11, N)
    result: np.ndarray = (_POWERS @ windows).reshape(-1, 3, 3, len(rows))
    return result


@lru_cache(maxsize=LARGEST)
def _bands(height: int) -> np.ndarray:
    """The sums of every window along a column as a matrix (3 H, H), for each power."""
    away = np.arange(height) - np.arange(height)[:, None]
    return np.concatenate(
        [np.where(abs(away) <= REACH, power[away.clip(-REACH, REACH) + REACH], np.float32(0)) for power in _POWERS]
    )


def _around(age: np.ndarray) -> np.ndarray:
    """The age of a place that was predicted now: one more than the least around it; ``UNKNOWN`` far from all."""
    least = cv2.erode(age, np.ones((3, 3)), borderType=cv2.BORDER_CONSTANT, borderValue=UNKNOWN)
    result: np.ndarray = cv2.LUT(least, _OLDER)
    return result


def _padded(values: np.ndarray, value: float) -> np.ndarray:
    """With ``ROOM`` more rows and columns of a value at every side; ``np.pad`` takes ten times as long."""
    rows, cols, *others = values.shape
    result = np.full((rows + 2 * ROOM, cols + 2 * ROOM, *others), value, values.dtype)
    result[ROOM:-ROOM, ROOM:-ROOM] = values
    return result


def _nearest_only(index: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Where several places want one cell, only the nearest gets it."""
    order = np.lexsort((distance, index))
    wanted = index[order]
    result = np.ones(len(index), bool)
    result[order[1:]] = wanted[1:] != wanted[:-1]
    return result
