"""From the cells of a picture to the codes they may be: rows, columns, size and orientation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cellmark.data.rectify import cell_size
from cellmark.reading.frames import Frame, find_frames, straighten
from cellmark.reading.growth import NEAR, Grid, grow
from cellmark.reading.seeds import Seeds, find_seeds
from cellmark.reading.settling import settle, widen
from cellmark.symbology import Symbol

Sampler = Callable[[np.ndarray], np.ndarray]
MARGIN = 3  # rows and columns beyond what was seen in which a border may lie
LEAST_CELLS = 30  # seen cells without which there is no code: the smallest symbol has 80
FRAMES = 8  # of a lattice that are tried
FRUITLESS = 8  # seeds one after another that lead to no code: the others are worse
CORE = 4  # rings of a lattice around its seed that are surest
SEEDS = 3  # from which the lattice of one part of the picture is grown


@dataclass(frozen=True)
class Candidate:
    """Cells that may be a code, upright: row 0 is the upper timing row, column 0 the solid left side.

    Attributes:
        symbol: the size.
        places: float64 (rows, cols, 2) x, y of every cell.
        cells: int (rows, cols) index of the cell that was seen there, -1 where none was.
        black: (rows, cols) probability of black by which it was found.
        inverted: whether black and white are exchanged.
        mirrored: whether the code is seen from behind.
    """

    symbol: Symbol
    places: np.ndarray
    cells: np.ndarray
    black: np.ndarray
    inverted: bool
    mirrored: bool


class Lattices:
    """Finds codes among the cells of a picture, one after another.

    Local neighbourhoods come first: a lattice is grown from where it is most regular. Then the finder says which
    rectangle of it is a code. Nothing of this is final: the caller tries each candidate, for only the check words
    tell whether it is one, and takes the cells of a code that was read out with ``remove``.
    """

    def __init__(self, points: np.ndarray, black: np.ndarray, sample: Sampler | None = None) -> None:
        """Takes the cells.

        Args:
            points: (N, 2) centres.
            black: (N,) probability 0..1 that the cell is black.
            sample: tells that probability for places (..., 2) where no cell was seen; 0.5 without it.
        """
        self.sample = sample or _unknown
        self.points, self.black = np.asarray(points, float), np.asarray(black, float)
        self.used = np.zeros(len(points), bool)
        self.tries = np.zeros(len(points), int)  # lattices with that cell which led to no code
        self.fruitless = 0

    def lattices(self) -> Iterator["Lattice"]:
        """One lattice after another; ends when no seed is left, or when too many have led to nothing.

        Of each, ``remove`` what was read; else other seeds of that part are tried, and then it is left alone.
        """
        if len(self.points) < LEAST_CELLS:
            return
        tree = cKDTree(self.points)
        seeds = find_seeds(self.points, tree)
        for number, cell in enumerate(seeds.cells):
            if self.tries[cell] >= SEEDS or self._taken(seeds, number):
                continue
            seed = int(cell), seeds.right[number], seeds.down[number]
            grid = grow(self.points, tree, seed, self.used)
            self.fruitless += 1
            self.tries[cell if grid is None else grid.cells[grid.seen]] += 1
            if grid is not None and int(grid.seen.sum()) >= LEAST_CELLS:
                yield Lattice(straighten(grid), self, tree, seed)
            if self.fruitless == FRUITLESS:
                return

    def remove(self, candidate: Candidate) -> None:
        """Takes the cells of a code out."""
        self.fruitless = 0
        self.tries[:] = 0  # its neighbours may be on the same lattice
        self.used[candidate.cells[candidate.cells >= 0]] = True

    def _taken(self, seeds: Seeds, number: int) -> bool:
        own = [seeds.cells[number], *seeds.right[number], *seeds.down[number]]
        return bool(self.used[own].any())


class Lattice:
    """Cells of one lattice, and the codes that they may be."""

    def __init__(self, grid: Grid, cells: Lattices, tree: cKDTree, seed: tuple[int, np.ndarray, np.ndarray]) -> None:
        """Looks for frames on a lattice among the cells of a picture, grown from a seed."""
        self.seed = seed
        self.grid, self.cells, self.tree = widen(grid, MARGIN), cells, tree
        self.seen, self.followed = self.grid.seen, False
        self._settled: dict[tuple[tuple[int, int], tuple[int, int]], Grid] = {}
        self._judge(np.where(self.seen, cells.black[self.grid.cells], cells.sample(self.grid.places)))

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.frames)

    def __getitem__(self, number: int) -> Candidate:
        """A candidate, the likeliest first; its places are settled when it is first asked for."""
        frame = self.frames[number]
        box = frame.rows, frame.cols
        part = slice(*frame.rows), slice(*frame.cols)
        if self.followed:
            grid = Grid(self.grid.places[part], self.grid.cells[part])
        else:
            if box not in self._settled:
                self._settled[box] = settle(self.grid, self.cells.points, self.tree, self.cells.used, *box)
            grid = self._settled[box]
        return _candidate(frame, grid, (self.value[part] + 1) / 2)

    def agreement(self, number: int) -> float:
        """How well a candidate agrees with the finder, up to 1."""
        return self.frames[number].score

    def middle(self) -> np.ndarray:
        """Mean place x, y of its cells."""
        result: np.ndarray = self.grid.places[self.seen].mean(axis=0)
        return result

    def _judge(self, black: np.ndarray) -> None:
        """Looks for codes by the probabilities (rows, cols) of black for ``grid``."""
        self.value = 2 * black - 1
        self.frames = find_frames(self.value, self.seen, FRAMES)

    def core(self) -> np.ndarray | None:
        """Places (rows, cols, 2) of the lattice around its seed only, where it is surest."""
        grid = grow(self.cells.points, self.tree, self.seed, self.cells.used, CORE)
        return None if grid is None or not grid.seen.any() else widen(grid, MARGIN).places

    def follow(self, places: np.ndarray, black: np.ndarray, known: np.ndarray) -> None:
        """Looks for codes with other places of the lattice, which are final.

        Args:
            places: (rows, cols, 2).
            black: (rows, cols) probability.
            known: bool (rows, cols), which of them count when a frame is looked for.
        """
        distance, index = self.tree.query(places)
        near = distance < NEAR * cell_size(places)
        self.grid = Grid(places, np.where(near & ~self.cells.used[index], index, -1))
        self.seen, self.followed = known.copy(), True
        self._judge(black)

    def remove(self, number: int) -> None:
        """Takes out a candidate that is a code, and looks for others on what is left of the lattice."""
        self.cells.remove(self[number])
        box = slice(*self.frames[number].rows), slice(*self.frames[number].cols)
        self.value[box], self.seen[box] = 0.0, False
        self.frames = find_frames(self.value, self.seen, FRAMES)


def _unknown(places: np.ndarray) -> np.ndarray:
    return np.full(places.shape[:-1], 0.5)


def _candidate(frame: Frame, grid: Grid, black: np.ndarray) -> Candidate:
    places, cells = frame.upright(grid.places), frame.upright(grid.cells)
    # Rows downwards and columns to the right turn clockwise in a picture; seen from behind they do not
    down, right = places[-1, 0] - places[0, 0], places[-1, -1] - places[-1, 0]
    mirrored = bool(right[0] * down[1] - right[1] * down[0] < 0)
    return Candidate(frame.symbol, places, cells, frame.upright(black), frame.inverted, mirrored)
