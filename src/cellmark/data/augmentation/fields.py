"""Smooth displacements whose strength is a slope.

The slope is the most that the displacement changes from one pixel to the next (the row sum norm of its Jacobian):
0.3 makes cells up to 30 % wider or narrower.
"""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from cellmark.data.augmentation.ranges import checked_range
from cellmark.data.augmentation.warp import Field, Size
from cellmark.data.generate.fields import smooth
from cellmark.data.warps.nodes import COARSE, node_counts

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

    @abstractmethod
    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """A displacement of any strength, float32 (*shape, 2), with ``cell`` nodes between its random numbers."""

    def displacement(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """See ``Field``. The picture as a whole stays where it is."""
        cell = rng.uniform(*self.cell) * min(size) / COARSE
        raw = self.raw(rng, node_counts(size), max(cell, 2.0))
        slope = _slope(raw)
        factor = np.float32(rng.uniform(*self.slope) / max(slope, _TINY))
        displacement: np.ndarray = (raw - raw.mean(axis=(0, 1))) * factor
        return displacement


class Elastic(RandomField):
    """A sheet pulled about at random."""

    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """Both coordinates move by functions of the place."""
        return np.dstack([smooth(rng, shape, cell) for _ in range(2)])


class Stretch(RandomField):
    """Rows and columns that are unevenly wide, as a line scanner or a bent label makes them.

    Elsewhere this is called grid distortion; here it is smooth, without kinks from one field of a grid to the next.
    """

    def raw(self, rng: np.random.Generator, shape: Size, cell: float) -> np.ndarray:
        """Moves x by a function of x, and y by one of y."""
        along_x, along_y = smooth(rng, (1, shape[1]), cell), smooth(rng, (shape[0], 1), cell)
        return np.dstack([np.broadcast_to(along_x, shape), np.broadcast_to(along_y, shape)])


def _slope(field: np.ndarray) -> float:
    """The slope of a displacement (h, w, 2) at nodes; at most, as both axes are looked at apart."""
    along = [np.abs(np.diff(field, axis=axis)).max(axis=(0, 1), initial=0) / COARSE for axis in (0, 1)]
    return float(np.max(along[0] + along[1]))
