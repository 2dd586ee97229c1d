"""Movements that keep straight lines straight."""

from collections.abc import Sequence

import cv2
import numpy as np

from cellmark.data.augmentation.ranges import checked_range, log_uniform
from cellmark.data.augmentation.warp import Projective, Size
from cellmark.data.warps import exact


class Rotation(Projective):
    """A turn about the centre of the picture."""

    def __init__(self, degrees: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the angle, counter-clockwise as one looks at the picture."""
        super().__init__(p)
        self.degrees = checked_range("Rotation.degrees", degrees, -360, 360)

    def matrix(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """A turn by an angle drawn evenly."""
        return exact.Rotation((size[1], size[0]), float(rng.uniform(*self.degrees))).matrix


class Scale(Projective):
    """Larger or smaller, and stretched along one axis."""

    def __init__(self, factor: Sequence[float], aspect: Sequence[float] = (1.0, 1.0), p: float = 1.0) -> None:
        """Takes the ranges.

        Args:
            factor: of the sizes, the geometric mean of both axes.
            aspect: factor along x over factor along y.
            p: probability.
        """
        super().__init__(p)
        self.factor = checked_range("Scale.factor", factor, 0.1, 10)
        self.aspect = checked_range("Scale.aspect", aspect, 0.1, 10)

    def matrix(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """A scale about the centre; half and twice are equally likely."""
        factor, aspect = log_uniform(rng, self.factor), log_uniform(rng, self.aspect)
        return exact.about_centre(np.diag([factor * np.sqrt(aspect), factor / np.sqrt(aspect)]), (size[1], size[0]))


class Shift(Projective):
    """Sideways and up or down."""

    def __init__(self, share: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the shift, as a share of the width and of the height."""
        super().__init__(p)
        self.share = checked_range("Shift.share", share, -1, 1)

    def matrix(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """A shift drawn evenly along each axis."""
        matrix = np.eye(3)
        matrix[:2, 2] = rng.uniform(*self.share, 2) * size[::-1]
        return matrix


class Perspective(Projective):
    """A slanted view: every corner of the picture moves on its own."""

    def __init__(self, share: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the corners' motion, as a share of the width and of the height.

        It stays below a quarter, so that the four corners always span a convex quadrangle.
        """
        super().__init__(p)
        self.share = checked_range("Perspective.share", share, 0, 0.24)

    def matrix(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """The map that carries the corners to their new places."""
        sides = np.array(size[::-1], np.float64)
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * sides - 0.5
        motion = rng.uniform(*self.share, (4, 2)) * rng.choice([-1.0, 1.0], (4, 2))
        moved = corners + motion * sides
        return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
