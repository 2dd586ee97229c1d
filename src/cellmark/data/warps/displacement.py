"""What a warp is: a backward map from each pixel of the new picture to a place of the old one.

With the displacement D of a warp, the new picture at q shows the old one at ``p = q + D(q)``. A keypoint at p
therefore moves to the q that solves ``q + D(q) = p``, which is the *inverse* of what moves the pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import cv2
import numpy as np

from cellmark.data.warps.inverse import determinants_of, places_of
from cellmark.errors import CellmarkError

Border = Literal["white", "reflect", "replicate"]

SMALLEST_DETERMINANT = 0.1  # below it the picture is stretched more than tenfold, and a fold may hide near by
_STEP = 1e-4  # of the central differences, pixels; their error in float64 is below 1e-7
_PROBES = 8  # per length `ProbedWarp.detail`
_REMAP_LIMIT = 2**15 - 1  # OpenCV addresses the pixels of a remapped picture with 16 bits
_BORDERS = {"white": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT, "replicate": cv2.BORDER_REPLICATE}


@dataclass(frozen=True)
class Warp(ABC):
    """A way to bend pictures of one size.

    Attributes:
        size: width and height of the pictures in pixels.
    """

    size: tuple[int, int]

    @abstractmethod
    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D at any places, inside the picture or not.

        Args:
            x: float32 or float64 positions along the width in pixels.
            y: positions along the height; broadcast against ``x``, so that a row and a column make a grid.

        Returns:
            Both components in pixels, in the type of ``x`` and ``y`` and of shapes that broadcast to theirs.
        """

    @abstractmethod
    def move(self, points: np.ndarray) -> np.ndarray:
        """Where the keypoints of the old picture lie in the new one.

        Args:
            points: float (N, 2) x, y in pixels.

        Returns:
            float64 (N, 2), inside the picture or not; see `inside`.
        """

    def source(self, places: np.ndarray) -> np.ndarray:
        """``q + D(q)``, float64 (N, 2): which places of the old picture are seen at (N, 2) places of the new one."""
        places = np.asarray(places, np.float64).reshape(-1, 2)
        source: np.ndarray = places + np.stack(np.broadcast_arrays(*self.displacement(*places.T)), axis=1)
        return source

    def warp(self, image: np.ndarray, border: Border = "white") -> np.ndarray:
        """The bent picture, by bilinear interpolation. OpenCV rounds the places to 1/32 px, without a bias.

        Args:
            image: (H, W) or (H, W, C) uint8 or float32.
            border: what lies outside the picture: 255, its mirror image, or its outermost pixels.

        Raises:
            CellmarkError: ``border`` is none of these, or the picture has another size or is too large.
        """
        if border not in _BORDERS:
            raise CellmarkError(f"border={border!r}: not one of {', '.join(get_args(Border))}")
        height, width = image.shape[:2]
        if (width, height) != self.size:
            raise CellmarkError(f"a warp of {self.size[0]} x {self.size[1]} pixels, an image of {width} x {height}")
        if max(width, height) >= _REMAP_LIMIT:
            raise CellmarkError(f"{width} x {height} pixels: sides below {_REMAP_LIMIT} can be warped")
        x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
        dx, dy = self.displacement(x, y)
        maps = (np.broadcast_to(part, (height, width)) for part in (x + dx, y + dy))
        map_x, map_y = (np.ascontiguousarray(part, np.float32) for part in maps)
        bent: np.ndarray = cv2.remap(
            image, map_x, map_y, cv2.INTER_LINEAR, borderMode=_BORDERS[border], borderValue=(255, 255, 255, 255)
        )
        return bent

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Bool (N,): which points lie in the picture, which covers -0.5 to size - 0.5."""
        inside: np.ndarray = np.all((points >= -0.5) & (points <= np.array(self.size) - 0.5), axis=1)
        return inside


@dataclass(frozen=True)
class FoldableWarp(Warp):
    """A warp without a formula for its inverse, which has none at all where the picture folds over itself."""

    @abstractmethod
    def unfolded(self, points: np.ndarray) -> bool:
        """Whether each of (N, 2) keypoints has exactly one place in the new picture, and by a margin.

        That is so where no determinant is below `SMALLEST_DETERMINANT` wherever they could come to lie.
        """

    def move(self, points: np.ndarray) -> np.ndarray:
        """Solves ``q + D(q) = p``, see `inverse.places_of`."""
        return places_of(points, self.source, self.jacobians)

    def jacobians(self, places: np.ndarray) -> np.ndarray:
        """Derivatives of ``q + D(q)``, float64 (N, 2, 2), see `inverse.places_of`; here by central differences."""
        places, steps = np.asarray(places, np.float64).reshape(-1, 2), _STEP * np.eye(2)
        changes = [self.source(places + step) - self.source(places - step) for step in steps]
        jacobians: np.ndarray = np.stack(changes, axis=2) / (2 * _STEP)
        return jacobians

    def determinants(self, places: np.ndarray) -> np.ndarray:
        """Determinant of the Jacobian at (N, 2) places of the new picture; 1 is rigid."""
        return determinants_of(self.jacobians(places))


@dataclass(frozen=True)
class ProbedWarp(FoldableWarp):
    """A warp with a formula, whose determinant is looked at on a grid that is finer than its details."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """No displacement is longer, pixels."""

    @property
    @abstractmethod
    def detail(self) -> float:
        """The length over which the displacement changes by about as much as it can, pixels."""

    def unfolded(self, points: np.ndarray) -> bool:
        """See `FoldableWarp.unfolded`; the keypoints' own places come first, which are few and mostly enough."""
        if not len(points):
            return True
        if self.determinants(points).min() < SMALLEST_DETERMINANT:
            return False
        return self.smallest_determinant(points) >= SMALLEST_DETERMINANT

    def smallest_determinant(self, points: np.ndarray) -> float:
        """The smallest determinant wherever keypoints at ``points`` (N, 2) could come to lie.

        That is their bounding box, wider by `reach` on each side. If it is positive all over that box, each
        point has exactly one place in the new picture: on the edge of the box no part t of the displacement
        solves ``q + t D(q) = p``, so the number of solutions, each counted with the sign of its determinant,
        is the same for every t from 0 to 1 (the degree of the map), and for t = 0 it is 1.
        """
        step = self.detail / _PROBES
        low, high = points.min(axis=0) - self.reach - step, points.max(axis=0) + self.reach + step
        return float(self.determinants(self._probes(low, high, step)).min())

    def _probes(self, low: np.ndarray, high: np.ndarray, step: float) -> np.ndarray:
        """(M, 2) places at which the determinant is looked at: a grid over the box."""
        axes = (np.linspace(a, b, 2 + int((b - a) / step)) for a, b in zip(low, high, strict=True))
        return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)


Field = TypeVar("Field", bound=FoldableWarp)


def draw_unfolded(
    draw: Callable[[np.random.Generator], Field],
    rng: np.random.Generator,
    points: np.ndarray,
    most: int = 100,
    name: str = "the warp",
) -> tuple[Field, int]:
    """Draws fields until one does not fold where the keypoints are.

    Args:
        draw: makes a random field.
        rng: source of randomness.
        points: (N, 2) keypoints of the old picture.
        most: draws before giving up.
        name: of what draws, for the message.

    Returns:
        The field, and how many were thrown away before it.

    Raises:
        CellmarkError: they all folded.
    """
    for redraws in range(most):
        field = draw(rng)
        if field.unfolded(points):
            return field, redraws
    raise CellmarkError(f"{most} random fields in a row fold the picture over itself: {name} is too strong")
