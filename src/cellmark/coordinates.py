"""Coordinate spaces, and the only function that moves points between them.

Every point is (x, y) in pixels; the centre of pixel (row i, column j) lies at x = j, y = i. An image of W x H
pixels therefore covers [-0.5, W - 0.5] x [-0.5, H - 0.5]. The spaces are

* **original**: the pixels of the file on disk;
* **input**: the pixels that the network sees;
* **heatmap**: the pixels of a map at a stride s of the input, that is a resize by 1/s.
"""

from typing import TypeVar

import numpy as np
import torch

Array = TypeVar("Array", np.ndarray, torch.Tensor)


def resize_points(points: Array, scale: tuple[float, float]) -> Array:
    """Moves points as resizing an image by ``scale`` moves its pixel centres: ``x' = (x + 0.5) s - 0.5``.

    Args:
        points: (..., 2) coordinates (x, y).
        scale: factor along x and along y, that is new size / old size.

    Returns:
        (..., 2) points of the same kind as ``points``.
    """
    factor = points.new_tensor(scale) if isinstance(points, torch.Tensor) else np.asarray(scale, points.dtype)
    moved: Array = (points + 0.5) * factor - 0.5
    return moved
