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

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`."""
        source_x, source_y = self._turned(x, y, -self.degrees)
        return source_x - x, source_y - y

    def move(self, points: np.ndarray) -> np.ndarray:
        """See `Warp.move`."""
        x, y = np.asarray(points, np.float64).reshape(-1, 2).T
        return np.stack(self._turned(x, y, self.degrees), axis=1)

    def _turned(self, x: np.ndarray, y: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
        sin, cos = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        centre_x, centre_y = ((side - 1) / 2 for side in self.size)
        x, y = x - centre_x, y - centre_y
        return cos * x + sin * y + centre_x, cos * y - sin * x + centre_y  # y points down
