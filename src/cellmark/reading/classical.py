"""The classical reader: zxing-cpp on the picture as it is."""

import numpy as np
import zxingcpp

from cellmark.reading.code import Code
from cellmark.reading.text import content


def read_classical(image: np.ndarray) -> list[Code]:
    """Reads the codes of a picture with zxing-cpp: milliseconds, and blind to what is bent, dotted or faint.

    Args:
        image: uint8 (H, W, 3) RGB.
    """
    found = zxingcpp.read_barcodes(
        np.ascontiguousarray(image[:, :, ::-1]),  # it takes BGR
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix),
        text_mode=zxingcpp.TextMode.Plain,
    )
    return [_code(barcode) for barcode in found if barcode.valid]


def _code(barcode: zxingcpp.Barcode) -> Code:
    place = barcode.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    rows, cols = (int(number) for number in barcode.extra["Version"].split("x"))
    points = np.array([(corner.x, corner.y) for corner in corners], float)
    return Code(content(barcode), rows, cols, points, 0, 0, "classical")
