"""The standard's table of symbols: the 30 of ECC 200 (ISO/IEC 16022, table 7) and the 18 of DMRE (ISO/IEC 21471)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Symbol:
    """One size of Data Matrix.

    Attributes:
        number: the number by which zxing-cpp's writer knows it: 1..24 square, 25..30 rectangular, 31..48 DMRE.
        rows: modules in a column, finder and timing included.
        cols: modules in a row, finder and timing included.
        regions: data regions, each with a border of its own: (down, across).
        data_codewords: codewords of the message, all blocks together.
        check_codewords: Reed-Solomon codewords, all blocks together.
        blocks: interleaved Reed-Solomon blocks; codeword i belongs to block i % blocks. All blocks are of one size,
            but for 144x144: 8 blocks of 156 and 2 of 155 data codewords.
    """

    number: int
    rows: int
    cols: int
    regions: tuple[int, int]
    data_codewords: int
    check_codewords: int
    blocks: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows, self.cols

    @property
    def codewords(self) -> int:
        """All codewords: data, then check."""
        return self.data_codewords + self.check_codewords

    @property
    def region_shape(self) -> tuple[int, int]:
        """Data modules of one region, its border left out: (rows, cols)."""
        return self.rows // self.regions[0] - 2, self.cols // self.regions[1] - 2


SYMBOLS: tuple[Symbol, ...] = (
    Symbol(1, 10, 10, (1, 1), 3, 5),
    Symbol(2, 12, 12, (1, 1), 5, 7),
    Symbol(3, 14, 14, (1, 1), 8, 10),
    Symbol(4, 16, 16, (1, 1), 12, 12),
    Symbol(5, 18, 18, (1, 1), 18, 14),
    Symbol(6, 20, 20, (1, 1), 22, 18),
    Symbol(7, 22, 22, (1, 1), 30, 20),
    Symbol(8, 24, 24, (1, 1), 36, 24),
    Symbol(9, 26, 26, (1, 1), 44, 28),
    Symbol(10, 32, 32, (2, 2), 62, 36),
    Symbol(11, 36, 36, (2, 2), 86, 42),
    Symbol(12, 40, 40, (2, 2), 114, 48),
    Symbol(13, 44, 44, (2, 2), 144, 56),
    Symbol(14, 48, 48, (2, 2), 174, 68),
    Symbol(15, 52, 52, (2, 2), 204, 84, 2),
    Symbol(16, 64, 64, (4, 4), 280, 112, 2),
    Symbol(17, 72, 72, (4, 4), 368, 144, 4),
    Symbol(18, 80, 80, (4, 4), 456, 192, 4),
    Symbol(19, 88, 88, (4, 4), 576, 224, 4),
    Symbol(20, 96, 96, (4, 4), 696, 272, 4),
    Symbol(21, 104, 104, (4, 4), 816, 336, 6),
    Symbol(22, 120, 120, (6, 6), 1050, 408, 6),
    Symbol(23, 132, 132, (6, 6), 1304, 496, 8),
    Symbol(24, 144, 144, (6, 6), 1558, 620, 10),
    Symbol(25, 8, 18, (1, 1), 5, 7),
    Symbol(26, 8, 32, (1, 2), 10, 11),
    Symbol(27, 12, 26, (1, 1), 16, 14),
    Symbol(28, 12, 36, (1, 2), 22, 18),
    Symbol(29, 16, 36, (1, 2), 32, 24),
    Symbol(30, 16, 48, (1, 2), 49, 28),
    Symbol(31, 8, 48, (1, 2), 18, 15),
    Symbol(32, 8, 64, (1, 4), 24, 18),
    Symbol(33, 8, 80, (1, 4), 32, 22),
    Symbol(34, 8, 96, (1, 4), 38, 28),
    Symbol(35, 8, 120, (1, 6), 49, 32),
    Symbol(36, 8, 144, (1, 6), 63, 36),
    Symbol(37, 12, 64, (1, 4), 43, 27),
    Symbol(38, 12, 88, (1, 4), 64, 36),
    Symbol(39, 16, 64, (1, 4), 62, 36),
    Symbol(40, 20, 36, (1, 2), 44, 28),
    Symbol(41, 20, 44, (1, 2), 56, 34),
    Symbol(42, 20, 64, (1, 4), 84, 42),
    Symbol(43, 22, 48, (1, 2), 72, 38),
    Symbol(44, 24, 48, (1, 2), 80, 41),
    Symbol(45, 24, 64, (1, 4), 108, 46),
    Symbol(46, 26, 40, (1, 2), 70, 38),
    Symbol(47, 26, 48, (1, 2), 90, 42),
    Symbol(48, 26, 64, (1, 4), 118, 50),
)

by_shape: dict[tuple[int, int], Symbol] = {symbol.shape: symbol for symbol in SYMBOLS}
"""(rows, cols) -> symbol; no two symbols have the same shape."""


@lru_cache(maxsize=len(SYMBOLS))
def finder(symbol: Symbol) -> np.ndarray:
    """The fixed modules: every region's solid left and lower side, alternating upper and right side.

    Returns:
        int8 (rows, cols), read-only: 1 black, 0 white, -1 data.
    """
    height, width = (size + 2 for size in symbol.region_shape)
    region = np.full((height, width), -1, dtype=np.int8)
    region[0, :] = np.arange(width) % 2 == 0
    region[:, -1] = np.arange(height) % 2 == 1  # the corner between the two alternating sides is white
    region[-1, :] = 1
    region[:, 0] = 1
    fixed = np.tile(region, symbol.regions)
    fixed.flags.writeable = False
    return fixed
