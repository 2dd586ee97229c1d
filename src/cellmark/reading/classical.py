"""The classical reader: zxing-cpp on the picture as it is."""

from typing import Any, cast

import numpy as np
import zxingcpp

from cellmark.reading.code import Code
from cellmark.reading.codewords import read_grid
from cellmark.reading.frames import upright
from cellmark.reading.text import content
from cellmark.symbology import by_shape


def read_classical(image: np.ndarray) -> list[Code]:
    """Reads the codes of a picture with zxing-cpp: milliseconds, and blind to what is bent, dotted or faint.

    Args:
        image: uint8 (H, W, 3) RGB.
    """
    return [_code(barcode) for barcode in barcodes(image)]


def barcodes(image: np.ndarray) -> list[zxingcpp.Barcode]:
    """What zxing-cpp makes of a picture, uint8 (H, W, 3) RGB: codes whose check words fit."""
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(image[:, :, ::-1]),  # it takes BGR
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix),
        text_mode=zxingcpp.TextMode.Plain,
    )
    return [barcode for barcode in found if barcode.valid]


def _code(barcode: zxingcpp.Barcode) -> Code:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    rows, cols = (int(number) for number in cast(dict[str, Any], barcode.extra)["Version"].split("x"))
    points = np.array([(corner.x, corner.y) for corner in corners], float)
    if _is_mirrored(barcode, (rows, cols)):
        points = points[[2, 1, 0, 3]]
    return Code(content(barcode), rows, cols, points, 0, 0, "classical")


def _is_mirrored(barcode: zxingcpp.Barcode, shape: tuple[int, int]) -> bool:
    """Whether a code is seen from behind: the library reads it transposed, with corners to match, and does not tell.

    The solid sides are then where they belong, so only the codewords of the cells that it saw can tell.
    """
    symbol = by_shape[shape]
    seen = np.array(barcode.to_image(scale=1, add_quiet_zones=False)) == 0
    fits = [
        grid.shape == shape and read_grid(grid.astype(float), symbol, means="errors") is not None
        for grid in (seen, upright(seen, 0, mirrored=True))
    ]
    return fits == [False, True]
