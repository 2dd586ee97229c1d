"""Placing an image of any size into the network's input."""

import cv2
import numpy as np

SMALLEST = 32  # pixels, side of the smallest input of a network


def fit_image(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, tuple[float, float]]:
    """Resizes an image so that it just fits, and repeats its last row or column over the rest.

    The aspect stays, but for the rounding to whole pixels, which the returned scale accounts for; the image sits
    at the top left. A square image in a square input is simply resized, as in the report.

    Args:
        image: uint8 (H, W, 3).
        size: height and width of the input.

    Returns:
        uint8 (height, width, 3), and the scale along x and y for ``resize_points``.
    """
    height, width = image.shape[:2]
    factor = min(size[0] / height, size[1] / width)
    rows, columns = max(1, round(height * factor)), max(1, round(width * factor))
    if (rows, columns) != (height, width):
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, (columns, rows), interpolation=method)
    rim = (0, size[0] - rows, 0, size[1] - columns)
    if any(rim):
        image = cv2.copyMakeBorder(image, *rim, cv2.BORDER_REPLICATE)
    return image, (columns / width, rows / height)
