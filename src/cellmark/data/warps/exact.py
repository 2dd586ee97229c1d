"""The warps whose inverse is a formula: curvature and rotation."""

import math
from dataclasses import dataclass

import numpy as np

from cellmark.data.warps.displacement import Warp


@dataclass(frozen=True)
class Curvature(Warp):
    """A sheet bent to a wave: each row of pixels slides along itself. The report's formula.

    ``x_src = x_dst - factor W sin(2 pi y / H)``, ``y_src = y_dst``; y stays, so the inverse is exact.

    Attributes:
        factor: largest slide as a share of the width.
    """

    factor: float = 0.2

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`."""
        return -self._slide(y), np.zeros_like(y)

    def move(self, points: np.ndarray) -> np.ndarray:
        """See `Warp.move`."""
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        return np.stack([x + self._slide(y), y], axis=1)

    def _slide(self, y: np.ndarray) -> np.ndarray:
        width, height = self.size
        slide: np.ndarray = self.factor * width * np.sin(y * (2 * math.pi / height))
        return slide


@dataclass(frozen=True)
class Rotation(Warp):
    """A turn about the centre of the picture; the frame keeps its size.

    Attributes:
        degrees: counter-clockwise as one looks at the picture.
    """

    degrees: float

    @property
    def matrix(self) -> np.ndarray:
        """float64 (3, 3), from the old picture to the new one. Its inverse is the turn by as much the other way."""
        sin, cos = math.sin(math.radians(self.degrees)), math.cos(math.radians(self.degrees))
        return about_centre(np.array([[cos, sin], [-sin, cos]]), self.size)  # y points down

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`."""
        (a, b, c), (d, e, f) = Rotation(self.size, -self.degrees).matrix[:2].tolist()
        return a * x + b * y + c - x, d * x + e * y + f - y

    def move(self, points: np.ndarray) -> np.ndarray:
        """See `Warp.move`."""
        matrix = self.matrix
        moved: np.ndarray = np.asarray(points, np.float64).reshape(-1, 2) @ matrix[:2, :2].T + matrix[:2, 2]
        return moved


def about_centre(linear: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (3, 3) matrix that applies a (2, 2) one about the centre of a picture of this width and height."""
    centre = (np.array(size) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre
    return matrix
