"""The one map between the flat code plane and the picture, known in both directions.

Plane coordinates are in modules. A picture point ``p`` and a plane point ``u`` belong together when
``p = H(bend(b))`` and ``u = b + wrinkle(b)``: the backward map (picture -> plane), by which everything is
drawn, is explicit; the forward map inverts the wrinkle by fixed-point iteration with a convergence test.
"""

from dataclasses import dataclass, field

import numpy as np

TOLERANCE = 1e-4  # modules: below 0.01 px for every pitch in use
STEPS = 40
HORIZON = 0.05  # smallest perspective divisor that still counts as in front of the camera


@dataclass(frozen=True)
class Wrinkles:
    """A smooth displacement of the plane: waves within it, and creases that stand out of it.

    Attributes:
        waves: (n, 5) rows ``dx, dy, kx, ky, phase``: displacement ``(dx, dy) sin(k . b + phase)``.
        creases: (n, 7) rows ``height, nx, ny, offset, softness, reach, along`` of ridges
            ``height * (reach - |n . b - offset|, rounded) * window``; the window is a Gaussian of width
            ``reach`` about the foot of the ridge, moved by ``along``.
        view: (2,) displacement in modules of a point that stands out by one module: the parallax.
    """

    waves: np.ndarray = field(default_factory=lambda: np.zeros((0, 5)))
    creases: np.ndarray = field(default_factory=lambda: np.zeros((0, 7)))
    view: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far the sheet stands out at plane points ``x, y``, in modules."""
        height = np.zeros_like(x)
        for peak, nx, ny, offset, softness, reach, along in self.creases.astype(x.dtype):
            across = nx * x + ny * y - offset
            length = ny * x - nx * y - along
            ridge = reach - np.sqrt(across * across + softness * softness)
            height += peak * ridge * np.exp((across * across + length * length) * (-0.5 / (reach * reach)))
        return height

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The displacement at plane points ``x, y``: along x, along y, and out of the plane, in modules."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for ax, ay, kx, ky, phase in self.waves.astype(x.dtype):
            wave = np.sin(kx * x + ky * y + phase)
            dx += ax * wave
            dy += ay * wave
        if not len(self.creases):
            return dx, dy, np.zeros_like(x)
        height = self.height(x, y)
        vx, vy = self.view.astype(x.dtype)
        return dx + vx * height, dy + vy * height, height


@dataclass(frozen=True)
class Cylinder:
    """A bend around an axis that lies in the plane.

    Attributes:
        radius: in modules.
        angle: direction of the bend in radians: 0 bends along x, so that the axis is parallel to y.
        nod: how much the picture shows of the round end: depth z moves a point by ``nod * z`` along the axis.
    """

    radius: float
    angle: float = 0.0
    nod: float = 0.0

    def bend(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flat plane points -> their places on the bent plane, seen from above."""
        across, along = self._turn(x, y, 1.0)
        theta = across / self.radius
        depth = self.radius * (1.0 - np.cos(theta))
        return self._turn(self.radius * np.sin(theta), along + self.nod * depth, -1.0)

    def unbend(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse of ``bend``; also the cosine of the slope, 0 beside the cylinder."""
        across, along = self._turn(x, y, 1.0)
        sine = np.clip(across / self.radius, -1.0, 1.0)
        cosine = np.sqrt(1.0 - sine * sine)
        along = along - self.nod * self.radius * (1.0 - cosine)
        return *self._turn(self.radius * np.arcsin(sine), along, -1.0), cosine

    def _turn(self, x: np.ndarray, y: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(self.angle), sign * np.sin(self.angle)
        return float(c) * x + float(s) * y, float(c) * y - float(s) * x


@dataclass(frozen=True)
class SurfaceMap:
    """Plane <-> picture. ``homography`` (3, 3) takes bent plane points (modules) to pixels."""

    homography: np.ndarray
    cylinder: Cylinder | None = None
    wrinkles: Wrinkles | None = None

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Plane points (N, 2) in modules -> picture points (N, 2) in pixels; NaN where the sheet folds."""
        x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
        if self.wrinkles is not None:
            x, y = _unwrinkle(self.wrinkles, x, y)
        if self.cylinder is not None:
            behind = np.abs(_across(self.cylinder, x, y)) >= 0.49 * np.pi * self.cylinder.radius
            x, y = self.cylinder.bend(np.where(behind, np.nan, x), y)
        return project(self.homography, np.stack([x, y], axis=1))

    def to_plane(self, x: np.ndarray, y: np.ndarray) -> "PlaneView":
        """Picture points (pixels, any shape) -> the plane points seen there."""
        h = np.linalg.inv(self.homography).astype(x.dtype)
        h /= h[2] @ self._centre().astype(x.dtype)
        divisor = h[2, 0] * x + h[2, 1] * y + h[2, 2]
        seen = divisor > HORIZON
        scale = 1.0 / np.maximum(divisor, HORIZON)
        bx, by = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) * scale, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) * scale
        facing = np.ones_like(x)
        if self.cylinder is not None:
            bx, by, facing = self.cylinder.unbend(bx, by)
            seen &= facing > 0.02
        if self.wrinkles is None:
            return PlaneView(bx, by, facing, seen, np.zeros_like(x))
        dx, dy, height = self.wrinkles.displacement(bx, by)
        return PlaneView(bx + dx, by + dy, facing, seen, height)

    def _centre(self) -> np.ndarray:
        """The picture point of the plane's origin, homogeneous: the divisor is scaled to be 1 there."""
        return np.append(project(self.homography, np.zeros((1, 2)))[0], 1.0)


@dataclass(frozen=True)
class PlaneView:
    """What each pixel sees of the plane; all arrays (H, W).

    Attributes:
        x: plane coordinate in modules.
        y: likewise.
        facing: cosine between the surface's normal and the view due to the bend; 0 beside a cylinder.
        seen: bool, False where the pixel sees past the surface.
        height: how far the crumpled sheet stands out there, in modules.
    """

    x: np.ndarray
    y: np.ndarray
    facing: np.ndarray
    seen: np.ndarray
    height: np.ndarray


def project(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a (3, 3) homography to (N, 2) points."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    result: np.ndarray = mapped[:, :2] / mapped[:, 2:]
    return result


def folds(wrinkles: Wrinkles, low: np.ndarray, high: np.ndarray, smallest: float = 0.35) -> bool:
    """Whether the Jacobian determinant falls to ``smallest`` somewhere in the box ``low``..``high``."""
    x, y = np.meshgrid(np.linspace(low[0], high[0], 24), np.linspace(low[1], high[1], 24))
    dx, dy, _ = wrinkles.displacement(x, y)
    xy, xx = np.gradient(x + dx, y[:, 0], x[0])
    yy, yx = np.gradient(y + dy, y[:, 0], x[0])
    return bool((xx * yy - xy * yx).min() <= smallest)


def _across(cylinder: Cylinder, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.cos(cylinder.angle) * x + np.sin(cylinder.angle) * y
    return result


def _unwrinkle(wrinkles: Wrinkles, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solves ``b + wrinkle(b) = (x, y)`` for b; NaN where the iteration does not come to rest."""
    bx, by = x.copy(), y.copy()
    error = np.full_like(x, np.inf)
    for _ in range(STEPS):
        dx, dy, _ = wrinkles.displacement(bx, by)
        error = np.hypot(bx + dx - x, by + dy - y)
        if error.max() < TOLERANCE:
            break
        bx, by = x - dx, y - dy
    lost = error >= TOLERANCE
    return np.where(lost, np.nan, bx), np.where(lost, np.nan, by)
