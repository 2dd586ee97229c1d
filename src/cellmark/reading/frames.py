"""Where on a lattice a code lies, and which way it faces: told by its finder."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cellmark.reading.growth import Grid
from cellmark.symbology import SYMBOLS, Symbol

COVERED = 0.5  # least share of a code's cells that must have been seen
LEAST_SCORE = 0.4  # least agreement with the finder, -1 to 1
UPPER, LEFT, LOWER, RIGHT = range(4)  # sides of a rectangle: opposite ones differ by 2
SHEARS = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class Frame:
    """A guess at a code: a rectangle of the lattice, read in one of eight ways.

    Attributes:
        symbol: the size.
        rows: first row of the lattice and the one after the last.
        cols: likewise.
        turns: quarter turns that bring the upper row up, as ``numpy.rot90`` counts them.
        mirrored: whether the code is then to be transposed about its other diagonal: it is seen from behind.
        inverted: whether black and white are exchanged.
        score: agreement with the finder, -1 to 1: 1 where each of its cells was seen, and sure of its class.
        weight: the score times the root of the number of finder's cells (how unlikely it is by chance), times the
            root of the share of the lattice's cells that lie within it: a code is seldom a part of what is seen.
    """

    symbol: Symbol
    rows: tuple[int, int]
    cols: tuple[int, int]
    turns: int
    mirrored: bool
    inverted: bool
    score: float
    weight: float

    def upright(self, values: np.ndarray) -> np.ndarray:
        """Values (rows, cols, ...) of the rectangle as the standard draws the symbol."""
        return upright(values, self.turns, self.mirrored)


def upright(values: np.ndarray, turns: int, mirrored: bool) -> np.ndarray:
    """Turns (rows, cols, ...) by quarters, then transposes about the other diagonal, which keeps a finder a finder."""
    turned = np.rot90(values, turns)
    return turned[::-1, ::-1].swapaxes(0, 1) if mirrored else turned


def straighten(grid: Grid) -> Grid:
    """The lattice in the code's own rows and columns, where it was grown along diagonals.

    A code fills a rectangle of its own rows and columns, but a parallelogram in any others.
    """
    shares = [_filled(*_sheared(grid, *shear)) for shear in SHEARS]
    best = int(np.argmax(shares))
    if best == 0 or shares[best] < shares[0] + 0.1:
        return grid
    rows, cols = _sheared(grid, *SHEARS[best])
    row, col = np.nonzero(grid.seen)
    shape = int(rows.max()) + 1, int(cols.max()) + 1
    places, cells = np.full((*shape, 2), np.nan), np.full(shape, -1)
    places[rows, cols], cells[rows, cols] = grid.places[row, col], grid.cells[row, col]
    return Grid(places, cells)


def _sheared(grid: Grid, down: int, right: int) -> tuple[np.ndarray, np.ndarray]:
    row, col = np.nonzero(grid.seen)
    rows, cols = row + down * col, col + right * row
    return rows - rows.min(), cols - cols.min()


def _filled(rows: np.ndarray, cols: np.ndarray) -> float:
    """Share of the cells' rectangle that they fill; a few stray ones do not count."""
    (r0, r1), (c0, c1) = np.quantile(rows, (0.02, 0.98)), np.quantile(cols, (0.02, 0.98))
    return len(rows) / float((r1 - r0 + 1) * (c1 - c0 + 1))


def find_frames(black: np.ndarray, seen: np.ndarray, most: int) -> list[Frame]:
    """The rectangles of a lattice that look most like a code, the likeliest first.

    The last of them are those of the best finders, however small a part of the lattice they are: a sheet of codes in
    line is one lattice.

    Args:
        black: float (rows, cols), -1 white to 1 black, 0 where nothing is known.
        seen: bool (rows, cols).
        most: how many to give.
    """
    sums = _Sums(black, seen)
    found: list[Frame] = []
    for symbol, rows, cols in _shapes(*black.shape):
        found += _of_shape(sums, symbol, rows, cols, most)
    alone = sorted(found, key=lambda frame: -frame.weight)[: most - most // 3]
    one_of_many = sorted(found, key=lambda frame: -frame.score)[: most // 3]
    return list(dict.fromkeys(alone + one_of_many))


@lru_cache(maxsize=256)
def _shapes(rows: int, cols: int) -> tuple[tuple[Symbol, int, int], ...]:
    """Symbols that fit a lattice of so many rows and columns, upright and lying."""
    both = [
        (symbol, *shape) for symbol in SYMBOLS for shape in {(symbol.rows, symbol.cols), (symbol.cols, symbol.rows)}
    ]
    return tuple(s for s in both if s[1] <= rows and s[2] <= cols)


class _Sums:
    """Cumulative sums by which the border of every rectangle is judged at once."""

    def __init__(self, value: np.ndarray, seen: np.ndarray) -> None:
        rows, cols = value.shape
        sign_c = np.where(np.arange(cols) % 2 == 0, 1.0, -1.0)
        sign_r = np.where(np.arange(rows) % 2 == 0, 1.0, -1.0)
        self.shape = rows, cols
        self.along = np.pad(np.cumsum(value, axis=1), ((0, 0), (1, 0)))
        self.along_alternating = np.pad(np.cumsum(value * sign_c, axis=1), ((0, 0), (1, 0)))
        self.down = np.pad(np.cumsum(value, axis=0), ((1, 0), (0, 0)))
        self.down_alternating = np.pad(np.cumsum(value * sign_r[:, None], axis=0), ((1, 0), (0, 0)))
        self.area = np.pad(np.cumsum(np.cumsum(seen.astype(float), axis=0), axis=1), ((1, 0), (1, 0)))


def _of_shape(sums: _Sums, symbol: Symbol, rows: int, cols: int, most: int) -> Iterator[Frame]:
    """The ways to see a symbol in rectangles of ``rows`` x ``cols``; all that may be among the ``most`` best."""
    high, wide = sums.shape[0] - rows + 1, sums.shape[1] - cols + 1
    area = sums.area
    covered = area[rows:, cols:] - area[:high, cols:] - area[rows:, :wide] + area[:high, :wide]
    tops, lefts = np.nonzero(covered >= COVERED * rows * cols)
    if not len(tops):
        return
    parity_r, parity_c = 1.0 - 2.0 * (tops % 2), 1.0 - 2.0 * (lefts % 2)

    def row(at: np.ndarray, table: np.ndarray) -> np.ndarray:
        result: np.ndarray = table[at, lefts + cols] - table[at, lefts]
        return result

    def col(at: np.ndarray, table: np.ndarray) -> np.ndarray:
        result: np.ndarray = table[tops + rows, at] - table[tops, at]
        return result

    bottoms, rights = tops + rows - 1, lefts + cols - 1
    # Agreement of each side with black, and with the timing pattern that begins with black at the first row or column
    solid = [row(tops, sums.along), col(lefts, sums.down), row(bottoms, sums.along), col(rights, sums.down)]
    timing = [
        row(tops, sums.along_alternating) * parity_c,
        col(lefts, sums.down_alternating) * parity_r,
        row(bottoms, sums.along_alternating) * parity_c,
        col(rights, sums.down_alternating) * parity_r,
    ]
    count = 2.0 * (rows + cols)
    share = np.sqrt(covered[tops, lefts] / max(float(area[-1, -1]), 1.0))
    for solid_sides, ways in _ways().items():
        first, second = solid_sides
        total = solid[first] + solid[second]
        total = total + _timing(timing, (second + 2) % 4, first) + _timing(timing, (first + 2) % 4, second)
        for k in _best(np.abs(total), share, LEAST_SCORE * count, most):
            score = float(abs(total[k])) / count
            place = int(tops[k]), int(bottoms[k]) + 1
            across = int(lefts[k]), int(rights[k]) + 1
            for turns, mirrored in ways:
                lying = (turns % 2 == 1) != mirrored
                if (cols, rows) == symbol.shape if lying else (rows, cols) == symbol.shape:
                    weight = score * count**0.5 * float(share[k])
                    yield Frame(symbol, place, across, turns, mirrored, bool(total[k] < 0), score, weight)


def _best(agreement: np.ndarray, share: np.ndarray, least: float, most: int) -> np.ndarray:
    """Places with at least that agreement: the ``most`` best by it, and by it times the share.

    Where all cells are alike, every rectangle agrees by half: there would be thousands.
    """
    good = np.nonzero(agreement >= least)[0]
    if len(good) <= 2 * most:
        return good
    orders = [np.argsort(-value, kind="stable")[:most] for value in (agreement[good], (agreement * share)[good])]
    return good[np.unique(np.concatenate(orders))]


def _timing(timing: list[np.ndarray], side: int, solid: int) -> np.ndarray:
    """Agreement of a side with the timing pattern: black where it meets the solid side, white at its other end."""
    begins = solid in (UPPER, LEFT)  # they hold the first row and the first column
    result: np.ndarray = timing[side] if begins else -timing[side]
    return result


@lru_cache(maxsize=1)
def _ways() -> dict[tuple[int, int], list[tuple[int, bool]]]:
    """The two solid sides of a rectangle -> the ways (turns, mirrored) to see a symbol in it.

    Found by trying: a square with named sides is brought upright in all eight ways.
    """
    named = np.zeros((3, 3), int)
    named[0, 1], named[1, 0], named[2, 1], named[1, 2] = UPPER, LEFT, LOWER, RIGHT
    ways: dict[tuple[int, int], list[tuple[int, bool]]] = {}
    for turns in range(4):
        for mirrored in (False, True):
            seen = upright(named, turns, mirrored)
            first, second = sorted((int(seen[1, 0]), int(seen[2, 1])))
            ways.setdefault((first, second), []).append((turns, mirrored))
    return ways
