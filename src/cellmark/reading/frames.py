"""Where on a lattice a code lies, and which way it faces: told by its finder."""

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
    shares = _filled(np.stack([_sheared(grid, *shear) for shear in SHEARS]))
    best = int(np.argmax(shares))
    if best == 0 or shares[best] < shares[0] + 0.1:
        return grid
    rows, cols = _sheared(grid, *SHEARS[best])
    row, col = np.nonzero(grid.seen)
    shape = int(rows.max()) + 1, int(cols.max()) + 1
    places, cells = np.full((*shape, 2), np.nan), np.full(shape, -1)
    places[rows, cols], cells[rows, cols] = grid.places[row, col], grid.cells[row, col]
    return Grid(places, cells)


def _sheared(grid: Grid, down: int, right: int) -> np.ndarray:
    """Rows and columns (2, N) of the seen cells, from 0 up."""
    row, col = np.nonzero(grid.seen)
    sheared = np.stack([row + down * col, col + right * row])
    result: np.ndarray = sheared - sheared.min(axis=1, keepdims=True)
    return result


def _filled(cells: np.ndarray) -> np.ndarray:
    """Share (K,) of the rectangle of cells (K, 2, N) that they fill; a few stray ones do not count."""
    low, high = np.quantile(cells, (0.02, 0.98), axis=2)
    result: np.ndarray = cells.shape[2] / (high - low + 1).prod(axis=1)
    return result


def find_frames(black: np.ndarray, seen: np.ndarray, most: int) -> list[Frame]:
    """The rectangles of a lattice that look most like a code, the likeliest first.

    The last of them are those of the best finders, however small a part of the lattice they are: a sheet of codes in
    line is one lattice.

    Args:
        black: float (rows, cols), -1 white to 1 black, 0 where nothing is known.
        seen: bool (rows, cols).
        most: how many to give.
    """
    sums, shapes = _Sums(black, seen), _shapes(*black.shape)
    found = np.concatenate([np.zeros((0, 8)), *(_of_shape(sums, k, shape, most) for k, shape in enumerate(shapes))])
    by_weight, by_score = (np.argsort(-found[:, column], kind="stable") for column in (0, 1))
    best = [*by_weight[: most - most // 3], *by_score[: most // 3]]
    return [_frame(shapes, found[k]) for k in dict.fromkeys(best)]


@lru_cache(maxsize=256)
def _shapes(rows: int, cols: int) -> tuple[tuple[Symbol, int, int], ...]:
    """Symbols that fit a lattice of so many rows and columns, upright and lying."""
    both = [
        (symbol, *shape) for symbol in SYMBOLS for shape in {(symbol.rows, symbol.cols), (symbol.cols, symbol.rows)}
    ]
    return tuple(s for s in both if s[1] <= rows and s[2] <= cols)


class _Sums:
    """Cumulative sums by which the border of every rectangle is judged at once.

    Attributes:
        along: (2, rows, cols + 1) over the columns: of the values, and with every other one negative.
        down: (2, rows + 1, cols) likewise over the rows.
        area: (rows + 1, cols + 1) of seen cells above and to the left.
    """

    def __init__(self, value: np.ndarray, seen: np.ndarray) -> None:
        rows, cols = value.shape
        alternating = value * _signs(cols), value * _signs(rows)[:, None]
        self.shape = rows, cols
        self.along = np.pad(np.cumsum([value, alternating[0]], axis=2), ((0, 0), (0, 0), (1, 0)))
        self.down = np.pad(np.cumsum([value, alternating[1]], axis=1), ((0, 0), (1, 0), (0, 0)))
        self.area = np.pad(np.cumsum(np.cumsum(seen.astype(float), axis=0), axis=1), ((1, 0), (1, 0)))


def _signs(count: int) -> np.ndarray:
    """1, -1, 1, -1, ..."""
    return np.where(np.arange(count) % 2 == 0, 1.0, -1.0)


def _of_shape(sums: _Sums, number: int, shape: tuple[Symbol, int, int], most: int) -> np.ndarray:
    """The ways to see a symbol in rectangles of a shape; all that may be among the ``most`` best.

    Returns:
        (N, 8) of what ``_frame`` takes, with ``number`` last.
    """
    symbol, rows, cols = shape
    high, wide = sums.shape[0] - rows + 1, sums.shape[1] - cols + 1
    along, down, area = sums.along, sums.down, sums.area
    covered = area[rows:, cols:] - area[:high, cols:] - area[rows:, :wide] + area[:high, :wide]
    enough = covered >= COVERED * rows * cols
    if not enough.any():
        return np.zeros((0, 8))
    lying, standing = along[..., cols:] - along[..., :wide], down[:, rows:] - down[:, :high]
    # Agreement of each side with black, and with the timing pattern that begins with black at the first row or column
    sides = lying[:, :high], standing[..., :wide], lying[:, rows - 1 :], standing[..., cols - 1 :]
    solid, timing = np.stack(sides, axis=1)
    timing[UPPER::2] *= _signs(wide)
    timing[LEFT::2] *= _signs(high)[:, None]
    count = 2.0 * (rows + cols)
    first, second, begins = _sides()
    total = solid[first] + solid[second]
    total += begins[0] * timing[(second + 2) % 4] + begins[1] * timing[(first + 2) % 4]
    agreement = np.where(enough, np.abs(total), 0.0)
    share = np.sqrt(covered / max(float(area[-1, -1]), 1.0))
    turns, tops, lefts = np.unravel_index(_best(agreement, share, LEAST_SCORE * count, most), total.shape)
    agreed, share = total[turns, tops, lefts], share[tops, lefts]
    score = np.abs(agreed) / count
    upright_only = (turns % 2 == 1) == (symbol.shape == (rows, cols))
    mirrored = [np.zeros(len(turns)), np.ones(len(turns))] if rows == cols else [upright_only]
    seen = score * count**0.5 * share, score, agreed < 0, tops, lefts, turns
    found = [np.stack([*seen, way, np.full(len(turns), number)], axis=1) for way in mirrored]
    return np.stack(found, axis=1).reshape(-1, 8)  # both ways to see a square beside each other


def _frame(shapes: tuple[tuple[Symbol, int, int], ...], guess: np.ndarray) -> Frame:
    """The frame of (8,): weight, score, inverted, first row, first column, turns, mirrored, number of the shape."""
    weight, score, *others = guess.tolist()
    inverted, top, left, turns, mirrored, number = map(int, others)
    symbol, rows, cols = shapes[number]
    return Frame(symbol, (top, top + rows), (left, left + cols), turns, bool(mirrored), bool(inverted), score, weight)


def _best(agreement: np.ndarray, share: np.ndarray, least: float, most: int) -> np.ndarray:
    """Flat indices of agreements (4, ...) of at least that: the ``most`` best by it, and by it times the share (...).

    Where all cells are alike, every rectangle agrees by half: there would be thousands.
    """
    good = np.flatnonzero(agreement >= least)
    if len(good) <= 2 * most:
        return good
    orders = [np.argsort(-value.ravel()[good], kind="stable")[:most] for value in (agreement, agreement * share)]
    return good[np.unique(np.concatenate(orders))]


@lru_cache(maxsize=1)
def _sides() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two solid sides (4,) of a rectangle in which a symbol is seen after 0 to 3 quarter turns, mirrored or not.

    And (2, 4, 1, 1) how the timing pattern goes that meets each: black where it meets it, white at its other end, that
    is 1 where the solid side holds the first row or column, -1 where it holds the last one. Found by trying: a square
    with named sides is brought upright.
    """
    named = np.zeros((3, 3), int)
    named[0, 1], named[1, 0], named[2, 1], named[1, 2] = UPPER, LEFT, LOWER, RIGHT
    turned = [upright(named, turns, mirrored=False) for turns in range(4)]
    first, second = np.sort([(seen[1, 0], seen[2, 1]) for seen in turned]).T
    begins = np.where(np.isin([first, second], (UPPER, LEFT)), 1.0, -1.0)
    return first, second, begins[..., None, None]
