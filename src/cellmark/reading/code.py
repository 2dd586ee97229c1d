"""What a reader gives."""

from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

Engine = Literal["classical", "network"]


@dataclass(frozen=True)
class Code:
    """A code that was read, and whose check words fit.

    Attributes:
        text: the payload; ``hex:`` and hexadecimal digits where it is no text.
        rows: cell rows, finder included.
        cols: cell columns.
        corners: float (4, 2) x, y in pixels of the picture: the outer corners of the symbol, upper left first and on
            along its upper side; the solid sides are left and below.
        cells_found: cells that were seen; 0 where the classical reader read the code, which does not look for them.
        errors_corrected: codewords that were corrected, given up ones included; 0 for the classical reader, which
            does not tell.
        engine: who read it.
        cells: float (rows, cols, 2), centres of the cells, None for the classical reader.
        grid: bool (rows, cols), True = black: the corrected symbol, None for the classical reader.
    """

    text: str
    rows: int
    cols: int
    corners: np.ndarray
    cells_found: int
    errors_corrected: int
    engine: Engine
    cells: np.ndarray | None = field(default=None, repr=False)
    grid: np.ndarray | None = field(default=None, repr=False)

    def covers(self, point: np.ndarray) -> bool:
        """Whether x, y lies on the code."""
        x, y = float(point[0]), float(point[1])
        return cv2.pointPolygonTest(self.corners.astype(np.float32), (x, y), False) >= 0


def corners_of(cells: np.ndarray) -> np.ndarray:
    """Outer corners (4, 2) of a symbol: half a cell beyond the centres (rows, cols, 2) of its corner cells."""
    result = []
    for row, col in ((0, 0), (0, -1), (-1, -1), (-1, 0)):
        inner_row, inner_col = (1 if row == 0 else -2), (1 if col == 0 else -2)
        corner = cells[row, col]
        outwards = 0.5 * (corner - cells[inner_row, col]) + 0.5 * (corner - cells[row, inner_col])
        result.append(corner + outwards)
    return np.array(result)
