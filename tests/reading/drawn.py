"""Pictures of codes as zxing-cpp draws them."""

from collections.abc import Sequence

import numpy as np
import zxingcpp

SIDE, EDGE = 100, 14  # pixels of a code of 10 x 10 cells, and of the white around it


def picture(texts: Sequence[str], ground: int = 255) -> np.ndarray:
    """Codes beside one another, 10 px a cell: uint8 (H, W, 3); texts of up to three letters make them 10 x 10."""
    codes = []
    for text in texts:
        barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
        drawn = np.array(barcode.to_image(scale=10, add_quiet_zones=False))
        assert drawn.shape == (SIDE, SIDE)
        codes.append(np.pad(drawn, EDGE, constant_values=ground))
    return np.dstack([np.hstack(codes)] * 3)


def corners(index: int) -> np.ndarray:
    """The outer corners (4, 2) of a code, upper left first and on along the upper side."""
    left = EDGE - 0.5 + index * (SIDE + 2 * EDGE)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * SIDE
    return square + np.array([left, EDGE - 0.5])
