"""Quarter turns and mirrors: no pixel is resampled."""

from typing import Any

import albumentations as A
import cv2
import numpy as np
from albumentations.core.type_definitions import Targets


class Turn(A.DualTransform):  # type: ignore[misc]  # albumentations has no types
    """One of the eight symmetries of the square, or of the four of the rectangle where the picture is not square.

    A mirrored DataMatrix is still a set of cells. albumentations' D4 would turn a wide picture into a tall one,
    which does not fit into the batch.
    """

    _targets = (Targets.IMAGE, Targets.KEYPOINTS)

    def __init__(self, p: float = 1.0) -> None:
        """Takes the probability of drawing a symmetry; standing still is one of them."""
        super().__init__(p=p)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draws ``swap`` (of rows and columns) and ``mirror``: bool for x and for y, after it."""
        height, width = data["image"].shape[:2]
        swap, *mirror = (self.random_generator.random(3) < 0.5).tolist()
        return {"swap": swap and height == width, "mirror": mirror}

    def apply(self, img: np.ndarray, swap: bool, mirror: list[bool], **_: Any) -> np.ndarray:
        """The picture, uint8 (H, W, 3), in the same size."""
        if swap:
            img = cv2.transpose(img)
        along_x, along_y = mirror
        if along_x or along_y:
            img = cv2.flip(img, -1 if along_x and along_y else int(along_x))
        return img

    def apply_to_keypoints(
        self, keypoints: np.ndarray, swap: bool, mirror: list[bool], shape: tuple[int, ...], **_: Any
    ) -> np.ndarray:
        """The points, (N, 2+) with x and y first."""
        moved = keypoints.copy()
        if swap:
            moved[:, :2] = moved[:, 1::-1]
        for axis, (mirrored, side) in enumerate(zip(mirror, shape[1::-1], strict=True)):
            if mirrored:
                moved[:, axis] = side - 1 - moved[:, axis]
        return moved
