"""Random warps without a formula for their inverse: crumpling and smooth random fields.

Lengths that are stated for pictures of 512 px are scaled with the shorter side.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellmark.data.warps.displacement import ProbedWarp
from cellmark.errors import CellmarkError

REFERENCE = 512  # pixels of the shorter side for which lengths are stated
_CENTRAL = (0.2, 0.8)  # of each side: where wrinkle points lie
_APART, _RADIUS, _INTENSITY = 80.0, (40.0, 80.0), (3.0, 8.0)  # the report's, pixels at 512
_MOST_TRIES = 1000  # for a wrinkle point that is far enough from the others
_RING = 16  # directions in which the determinant is looked at around a wrinkle point
_WAVES = 16
_WAVELENGTH = (160.0, 480.0)  # pixels at 512


@dataclass(frozen=True)
class Wrinkle:
    """A place where the sheet is crumpled.

    Attributes:
        x: its place, pixels.
        y: likewise.
        radius: R of the formula, pixels.
        strength: alpha of the formula, pixels.
        angle: theta of the formula, radians.
    """

    x: float
    y: float
    radius: float
    strength: float
    angle: float


@dataclass(frozen=True)
class Crumpling(ProbedWarp):
    """A sheet with a few wrinkles, by the report's formula.

    The displacement is the sum over the wrinkles of, with the distance d to the wrinkle point and u = d / R,
    ``alpha exp(-u^2 / 4.5) [ (cos, sin)(theta + u) sin(2 u) + 0.2 (sin, cos)(2 theta) exp(-u / 0.8) ]``.
    """

    wrinkles: tuple[Wrinkle, ...]

    @classmethod
    def draw(
        cls, rng: np.random.Generator, size: tuple[int, int], intensity: float = 0.3, count: int = 3
    ) -> "Crumpling":
        """Draws a field as the report does; its lengths are scaled with the picture.

        Args:
            rng: source of randomness.
            size: width and height of the picture in pixels.
            intensity: factor of all displacements; the report's is 0.3.
            count: number of wrinkles.

        Raises:
            CellmarkError: so many wrinkles do not fit into the picture at the least distance.
        """
        scale = min(size) / REFERENCE
        wrinkles: list[Wrinkle] = []
        for _ in range(count):
            x, y = _place(rng, size, wrinkles, _APART * scale)
            radius, strength = scale * rng.uniform(*_RADIUS), intensity * scale * rng.uniform(*_INTENSITY)
            wrinkles.append(Wrinkle(x, y, float(radius), float(strength), float(rng.uniform(0, 2 * math.pi))))
        return cls(size, tuple(wrinkles))

    @property
    def reach(self) -> float:
        """The two terms of a wrinkle are at most 1 and 0.2 times its strength."""
        return 1.2 * sum(abs(wrinkle.strength) for wrinkle in self.wrinkles)

    @property
    def detail(self) -> float:
        """The smallest radius."""
        return min((wrinkle.radius for wrinkle in self.wrinkles), default=float(min(self.size)))

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`. Sines and cosines of sums are expanded: it halves the time."""
        dx = dy = np.zeros_like(x + y)
        for wrinkle in self.wrinkles:
            u = np.hypot(x - wrinkle.x, y - wrinkle.y) * (1 / wrinkle.radius)
            sin, cos = np.sin(u), np.cos(u)
            fade = wrinkle.strength * np.exp(u * u * (-1 / 4.5))
            swirl, pull = 2 * fade * sin * cos, 0.2 * fade * np.exp(u * (-1 / 0.8))
            sine, cosine = math.sin(wrinkle.angle), math.cos(wrinkle.angle)
            dx = dx + swirl * (cosine * cos - sine * sin) + math.sin(2 * wrinkle.angle) * pull
            dy = dy + swirl * (sine * cos + cosine * sin) + math.cos(2 * wrinkle.angle) * pull
        return dx, dy

    def _probes(self, low: np.ndarray, high: np.ndarray, step: float) -> np.ndarray:
        """The grid, and close around each wrinkle point, where the displacement has the tip of a cone."""
        turn = np.arange(_RING) * (2 * math.pi / _RING)
        ring = 1e-2 * step * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        tips = [ring + np.array([wrinkle.x, wrinkle.y]) for wrinkle in self.wrinkles]
        near = [tip for tip in tips if (tip >= low).all() and (tip <= high).all()]
        return np.concatenate([super()._probes(low, high, step), *near])


def _place(
    rng: np.random.Generator, size: tuple[int, int], others: Sequence[Wrinkle], apart: float
) -> tuple[float, float]:
    """A place in the central region, at least ``apart`` pixels from the other wrinkles."""
    for _ in range(_MOST_TRIES):
        x, y = (float(side * rng.uniform(*_CENTRAL)) for side in size)
        if all(math.hypot(x - other.x, y - other.y) >= apart for other in others):
            return x, y
    raise CellmarkError(f"no room for wrinkle {len(others) + 1} at least {apart:.3g} pixels from the others")


@dataclass(frozen=True)
class Wave:
    """One plane wave ``(push_x, push_y) cos(k_x x + k_y y + phase)``; k in radians per pixel, push in pixels."""

    k_x: float
    k_y: float
    phase: float
    push_x: float
    push_y: float


@dataclass(frozen=True)
class SmoothField(ProbedWarp):
    """Low-frequency noise: the sum of plane waves of random length, direction, phase and push."""

    waves: tuple[Wave, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator, size: tuple[int, int], strength: float = 8.0) -> "SmoothField":
        """Draws a field.

        Args:
            rng: source of randomness.
            size: width and height of the picture in pixels.
            strength: root mean square of the displacement, pixels for a picture of 512 px.
        """
        scale = min(size) / REFERENCE
        lengths = scale * rng.uniform(*_WAVELENGTH, _WAVES)
        heading, phase, way = rng.uniform(0, 2 * math.pi, (3, _WAVES))
        push = strength * scale * math.sqrt(2 / _WAVES)  # a cosine has the mean square 1/2
        k = 2 * math.pi / lengths
        columns = (k * np.cos(heading), k * np.sin(heading), phase, push * np.cos(way), push * np.sin(way))
        return cls(size, tuple(Wave(*row) for row in np.stack(columns, axis=1).tolist()))

    @property
    def reach(self) -> float:
        """All crests at one place."""
        return sum(math.hypot(wave.push_x, wave.push_y) for wave in self.waves)

    @property
    def detail(self) -> float:
        """A quarter of the shortest wave."""
        return min(math.pi / (2 * math.hypot(wave.k_x, wave.k_y)) for wave in self.waves)

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`."""
        dx, dy = np.zeros_like(x + y), np.zeros_like(x + y)
        for wave in self.waves:
            swing = np.cos(x * wave.k_x + (y * wave.k_y + wave.phase))
            dx += wave.push_x * swing
            dy += wave.push_y * swing
        return dx, dy
