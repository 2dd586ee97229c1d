"""Where the standard puts the codewords: ISO/IEC 16022, annex F; for DMRE with the amendment of ISO/IEC 21471.

The data modules of all regions, borders left out, make one *mapping matrix*. Codewords run through it in diagonals,
up to the right and down to the left in turn. Each is a fixed shape of eight modules around its last bit; what sticks
out of one side comes in again on the opposite one, shifted, and four shapes are for corners that would stay free.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from cellmark.symbology import SYMBOLS, Symbol, finder

# Bits, most significant first, as (row, column) relative to the place of the codeword.
UTAH = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))
# The same for the four corner shapes; here negative numbers count from the last row or column.
CORNERS = (
    ((-1, 0), (-1, 1), (-1, 2), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -4), (0, -3), (0, -2), (0, -1), (1, -1)),
    ((-3, 0), (-2, 0), (-1, 0), (0, -2), (0, -1), (1, -1), (2, -1), (3, -1)),
    ((-1, 0), (-1, -1), (0, -3), (0, -2), (0, -1), (1, -3), (1, -2), (1, -1)),
)


@lru_cache(maxsize=len(SYMBOLS))
def placement(symbol: Symbol) -> np.ndarray:
    """The modules of every codeword.

    Returns:
        int64 (codewords, 8, 2), read-only: (row, col) in the whole symbol; bit 0 is the most significant one.
    """
    height, width = symbol.region_shape
    rows, cols = height * symbol.regions[0], width * symbol.regions[1]
    place = np.array(list(_codewords(rows, cols)))
    place += 1 + 2 * (place // (height, width))  # a border of one on each side of every region
    place.flags.writeable = False
    return place


def cells_at(grid: np.ndarray, symbol: Symbol) -> np.ndarray:
    """The values of a grid in the order of the codewords: (rows, cols) -> (codewords, 8), most significant first."""
    place = placement(symbol)
    return np.asarray(grid[place[..., 0], place[..., 1]])


def draw(codewords: np.ndarray, symbol: Symbol) -> np.ndarray:
    """The whole symbol, borders and filler included: uint8 (codewords,) -> bool (rows, cols), True = black."""
    grid: np.ndarray = finder(symbol) == 1
    place = placement(symbol)
    grid[place[..., 0], place[..., 1]] = np.unpackbits(codewords[:, None], axis=1)
    if np.prod(symbol.region_shape) * np.prod(symbol.regions) > 8 * symbol.codewords:
        # Four modules in the lower right corner belong to no codeword: black on the diagonal, else white.
        grid[-3, -3] = grid[-2, -2] = True
    return grid


def _codewords(rows: int, cols: int) -> Iterator[list[tuple[int, int]]]:
    """The eight modules of one codeword after the other, in a mapping matrix of rows x cols."""
    taken = np.zeros((rows, cols), dtype=bool)
    for row, col in _walk(rows, cols):
        corner = _corner(row, col, rows, cols)
        if corner is not None:
            modules = [(i % rows, j % cols) for i, j in CORNERS[corner]]
        elif 0 <= row < rows and 0 <= col < cols and not taken[row, col]:
            modules = [_wrap(row + i, col + j, rows, cols) for i, j in UTAH]
        else:
            continue
        taken[tuple(np.transpose(modules))] = True
        yield modules


def _walk(rows: int, cols: int) -> Iterator[tuple[int, int]]:
    """Diagonals in steps of two, up to the right and down to the left in turn; partly outside the matrix."""
    row, col = 4, 0
    while row < rows or col < cols:
        yield row, col
        while row - 2 >= 0 and col + 2 < cols:
            row, col = row - 2, col + 2
            yield row, col
        row, col = row - 1, col + 5
        yield row, col
        while row + 2 < rows and col - 2 >= 0:
            row, col = row + 2, col - 2
            yield row, col
        row, col = row + 5, col - 1


def _corner(row: int, col: int, rows: int, cols: int) -> int | None:
    """Which corner shape is due here, if any: its index in ``CORNERS``."""
    if (row, col) == (rows, 0):
        return 0
    if (row, col) == (rows - 2, 0):
        return 1 if cols % 4 else 2 if cols % 8 == 4 else None
    if (row, col) == (rows + 4, 2) and cols % 8 == 0:
        return 3
    return None


def _wrap(row: int, col: int, rows: int, cols: int) -> tuple[int, int]:
    """A module that sticks out at the top or on the left comes in on the other side, shifted."""
    if row < 0:
        row, col = row + rows, col + 4 - (rows + 4) % 8
    if col < 0:
        row, col = row + 4 - (cols + 4) % 8, col + cols
    return row % rows, col  # the shift passes the last row in some symbols of DMRE
