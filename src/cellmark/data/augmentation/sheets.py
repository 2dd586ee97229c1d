"""The warps of ``data.warps`` in training: what ``dataset_warp`` does to pictures on disk, drawn anew for each sample.

Lengths that are stated in pixels are those of a picture of 512 px, and are scaled with its shorter side.
"""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from cellmark.data.augmentation.ranges import checked_range
from cellmark.data.augmentation.warp import Field, Size
from cellmark.data.warps import exact, random_fields
from cellmark.data.warps.displacement import Warp
from cellmark.data.warps.nodes import at_nodes
from cellmark.errors import CellmarkError

_MOST_WRINKLES = 8  # some more, and there is no room for them at the least distance


class Sheet(Field):
    """A part that draws a warp of ``data.warps``."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Warp:
        """Draws a warp for pictures of this width and height."""

    def displacement(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """See ``Field``."""
        return at_nodes(self.draw(rng, (size[1], size[0])))


class Curvature(Sheet):
    """A sheet bent to a wave."""

    def __init__(self, factor: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the largest slide, as a share of the width; the report's is 0.2."""
        super().__init__(p)
        self.factor = checked_range("Curvature.factor", factor, -1, 1)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Warp:
        """See ``Sheet``."""
        return exact.Curvature(size, float(rng.uniform(*self.factor)))


class Crumpling(Sheet):
    """A sheet with a few wrinkles."""

    def __init__(self, intensity: Sequence[float], wrinkles: int = 3, p: float = 1.0) -> None:
        """Takes the strength.

        Args:
            intensity: range of the factor of the displacement; the report's is 0.3.
            wrinkles: how many there are.
            p: probability.
        """
        super().__init__(p)
        self.intensity = checked_range("Crumpling.intensity", intensity, 0, 10)
        if isinstance(wrinkles, bool) or not isinstance(wrinkles, int) or not 1 <= wrinkles <= _MOST_WRINKLES:
            raise CellmarkError(f"Crumpling.wrinkles={wrinkles}: a whole number from 1 to {_MOST_WRINKLES} is needed")
        self.wrinkles = wrinkles

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Warp:
        """See ``Sheet``."""
        return random_fields.Crumpling.draw(rng, size, float(rng.uniform(*self.intensity)), self.wrinkles)


class SmoothField(Sheet):
    """Low-frequency noise."""

    def __init__(self, strength: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the root mean square displacement, pixels."""
        super().__init__(p)
        self.strength = checked_range("SmoothField.strength", strength, 0, 100)

    def draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Warp:
        """See ``Sheet``."""
        return random_fields.SmoothField.draw(rng, size, float(rng.uniform(*self.strength)))
