"""Smooth displacements. Their strength is a slope, so it is known beforehand that none folds the picture.

The slope is the most that the displacement changes from one pixel to the next (the row sum norm of its Jacobian):
0.3 makes cells up to 30 % wider or narrower. A field of slope below 1 can be undone, see ``warp.undo``.
"""

from abc import abstractmethod
from collections.abc import Sequence

import cv2
import numpy as np

from cellmark.data.augmentation.ranges import checked_range
from cellmark.data.augmentation.warp import Field, Size, coarse_size

_TINY = 1e-9  # keeps the factor of a constant field finite


class RandomField(Field):
    """Random numbers on a grid, smooth in between, scaled to the slope drawn."""

    def __init__(self, slope: Sequence[float], cell: Sequence[float], p: float = 1.0) -> None:
        """Takes the ranges.

        Args:
            slope: of the displacement, see above.
            cell: distance between the random numbers, as a share of the shorter side.
            p: probability.
        """
        super().__init__(p)
        name = type(self).__name__
        self.slope = checked_range(f"{name}.slope", slope, 0, 0.8)
        self.cell = checked_range(f"{name}.cell", cell, 0.05, 2)
        self.steepest = self.slope[1]

    @abstractmethod
    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """A displacement of any strength, float32 (*shape, 2), with ``cell`` nodes between its random numbers."""

    def displacement(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """See ``Field``. The picture as a whole stays where it is."""
        shape = coarse_size(size)
        cell = rng.uniform(*self.cell) * min(size)
        raw = self.raw(rng, shape, max(cell * shape[0] / size[0], 2.0))
        slope = _slope(raw, (size[0] / shape[0], size[1] / shape[1]))
        factor = np.float32(rng.uniform(*self.slope) / max(slope, _TINY))
        displacement: np.ndarray = (raw - raw.mean(axis=(0, 1))) * factor
        return displacement


class Elastic(RandomField):
    """A sheet pulled about at random."""

    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """Both coordinates move by functions of the place."""
        return _smooth(rng, shape, cell, 2)


class Stretch(RandomField):
    """Rows and columns that are unevenly wide, as a line scanner or a bent label makes them.

    Elsewhere this is called grid distortion; here it is smooth, without kinks from one field of a grid to the next.
    """

    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """Moves x by a function of x, and y by one of y."""
        along_x, along_y = _smooth(rng, (1, shape[1]), cell), _smooth(rng, (shape[0], 1), cell)
        return np.dstack([np.broadcast_to(along_x, shape), np.broadcast_to(along_y, shape)])


def _smooth(rng: np.random.Generator, shape: Size, cell: float, channels: int = 1) -> np.ndarray:
    """Random numbers ``cell`` nodes apart, cubic in between; float32 (h, w), or (h, w, channels) for several."""
    counts = [int(np.ceil(side / cell)) + 3 for side in shape]
    grid = rng.standard_normal((*counts, channels), dtype=np.float32)
    height, width = (round(count * cell) for count in counts)
    large = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = (int(rng.integers(0, whole - side + 1)) for whole, side in zip((height, width), shape, strict=True))
    return large[top : top + shape[0], left : left + shape[1]]


def _slope(field: np.ndarray, spacing: tuple[float, float]) -> float:
    """An upper bound of the slope of a field (h, w, 2), bilinear between nodes ``spacing`` pixels apart along y, x."""
    along = [np.abs(np.diff(field, axis=axis)).max(axis=(0, 1), initial=0) / spacing[axis] for axis in (0, 1)]
    return float(np.max(along[0] + along[1]))
