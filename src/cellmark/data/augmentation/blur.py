"""Blur that leaves every edge where it is."""

from collections.abc import Sequence
from typing import Any

import albumentations as A
import cv2
import numpy as np

from cellmark.data.augmentation.ranges import checked_range
from cellmark.data.generate.optics import blur_kernel

_WIDTH = 0.3  # sigma in pixels across the path: a line as thin as pixels allow


class MotionBlur(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """The picture smeared along a straight path, by a kernel that is symmetric about its centre.

    albumentations' kernel is a line drawn between random pixels: it carries the picture away from its points by up
    to 2.4 px (kernels of 3 to 9), and by 1.8 px with ``allow_shifted=False``.
    """

    def __init__(self, length: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the path's length in pixels; the time it takes grows with the square of the longest."""
        super().__init__(p=p)
        self.length = checked_range("MotionBlur.length", length, 0, 50)

    def get_params(self) -> dict[str, Any]:
        """Draws ``kernel``."""
        rng = self.random_generator
        return {"kernel": blur_kernel(_WIDTH, rng.uniform(*self.length), rng.uniform(0, np.pi))}

    def apply(self, img: np.ndarray, kernel: np.ndarray, **_: Any) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        return cv2.filter2D(img, -1, kernel, borderType=cv2.BORDER_REPLICATE)
