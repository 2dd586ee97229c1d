"""Cells of symbols, damaged in known ways."""

import numpy as np

from cellmark.reading.placement import draw, placement
from cellmark.symbology import Symbol
from tests.reading.payloads import codewords_at


def sure(grid: np.ndarray) -> np.ndarray:
    """Black and white, both seen clearly."""
    return np.where(grid, 0.99, 0.01)


def cells_of(words: np.ndarray, doubtful: int = 0) -> np.ndarray:
    """Cells that say these codewords, surely but for the first ones: float (codewords, 8)."""
    cells = sure(np.unpackbits(words[:, None], axis=1) == 1)
    cells[:doubtful] = 0.5 + (cells[:doubtful] - 0.5) * 0.2
    return cells


def block_of(symbol: Symbol, block: int) -> np.ndarray:
    """The codewords of one block, data first."""
    data = np.arange(symbol.data_codewords)[block :: symbol.blocks]
    return np.concatenate([data, symbol.data_codewords + np.arange(symbol.check_codewords)[block :: symbol.blocks]])


def with_wrong(rng: np.random.Generator, grid: np.ndarray, symbol: Symbol, words: np.ndarray) -> np.ndarray:
    """The grid with other, random values in some codewords."""
    codewords = codewords_at(grid, symbol).copy()
    codewords[words] ^= rng.integers(1, 256, size=len(words), dtype=np.uint8)
    return draw(codewords, symbol)


def unseen(black: np.ndarray, symbol: Symbol, words: np.ndarray) -> np.ndarray:
    """The same with all cells of some codewords unknown."""
    place = placement(symbol)[words]
    black = black.copy()
    black[place[..., 0], place[..., 1]] = 0.5
    return black


def chosen(rng: np.random.Generator, symbol: Symbol, count: int) -> np.ndarray:
    """So many codewords of every block."""
    return np.concatenate([rng.permutation(block_of(symbol, block))[:count] for block in range(symbol.blocks)])
