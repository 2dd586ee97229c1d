"""Random views of the code plane: tilt, bend, waves and creases, each within the limits of a condition."""

from dataclasses import dataclass

import numpy as np

from cellmark.data.generate.geometry import Cylinder, SurfaceMap, Wrinkles


@dataclass(frozen=True)
class View:
    """What may happen to the plane in one condition; lengths are relative, so that size does not matter.

    Attributes:
        tilt: largest tilt towards the viewer at severity 1, radians.
        bend: probability of a cylinder.
        arc: least and greatest angle that the codes cover on the cylinder, radians.
        waves: amplitude of waves within the plane at severity 1, in modules.
        creases: least and greatest number of creases.
        crease: height of a crease at severity 1, relative to its reach.
        jitter: drift of rows and columns and error of single marks at severity 1, in modules.
        several: probability of two to four codes.
        frontal: probability that the plane is seen flat and straight, as a computer draws it.
        mirror: probability that the plane is seen from behind.
        flush: probability that a code begins right at the picture's edge, or fills the picture.
        close: probability of a picture taken from so near that it may show but a part of a code.
    """

    tilt: float = 0.7
    bend: float = 0.0
    arc: tuple[float, float] = (0.4, 1.4)
    waves: float = 0.0
    creases: tuple[int, int] = (0, 0)
    crease: float = 0.0
    jitter: float = 0.0
    several: float = 0.1
    frontal: float = 0.0
    mirror: float = 0.0
    flush: float = 0.0
    close: float = 0.0


def draw_surface(
    view: View,
    points: np.ndarray,
    rng: np.random.Generator,
    severity: float,
    calm: float,
    turn: float,
    fraction: float,
    mirrored: bool = False,
) -> SurfaceMap:
    """A random map whose homography still lacks scale and translation.

    Args:
        view: what may happen.
        points: (N, 2) outline of the codes on the plane, modules.
        rng: source of randomness.
        severity: strength of all distortions.
        calm: factor 0..1 that tames them; 0 gives a flat and frontal view.
        turn: rotation within the picture, radians.
        fraction: part of the picture's side that the codes will fill; sets the camera's distance.
        mirrored: whether the plane is seen from behind.
    """
    strength = severity * calm
    extent = np.abs(points).max(axis=0)
    cylinder = None
    if rng.random() < view.bend and calm > 0:
        least, most = view.arc
        arc = calm * rng.uniform(least, max(least, most * min(severity, 1.2)))
        across = int(rng.integers(2))
        angle = across * np.pi / 2 + rng.normal(0, 0.12) * strength
        reach = float(np.abs(points @ (np.cos(angle), np.sin(angle))).max())
        cylinder = Cylinder(reach / arc, angle, rng.normal(0, 0.35) * min(strength, 1.0))
    tilt = strength * view.tilt * rng.beta(1.3, 1.6)
    distance = rng.uniform(2.4, 5.0) * float(extent.max()) / fraction
    homography = _tilted(tilt, rng.uniform(0, 2 * np.pi), distance) @ _rotation(turn)
    if mirrored:
        homography = homography @ np.diag([-1.0, 1.0, 1.0])
    return SurfaceMap(homography, cylinder, _draw_wrinkles(view, extent, rng, strength))


def _draw_wrinkles(view: View, extent: np.ndarray, rng: np.random.Generator, strength: float) -> Wrinkles | None:
    count = int(rng.integers(view.creases[0], view.creases[1] + 1))
    if strength <= 0 or (not count and not view.waves):
        return None
    half = float(extent.max())
    angles = rng.uniform(0, np.pi, count)
    reach = half * rng.uniform(0.35, 1.1, count)
    creases = np.column_stack(
        [
            rng.choice([-1.0, 1.0], count) * rng.uniform(0.4, 1.0, count) * view.crease * min(strength, 1.0),
            np.cos(angles),
            np.sin(angles),
            rng.uniform(-1.2, 1.2, count) * half,
            reach * rng.uniform(0.06, 0.2, count) + 0.4,
            reach,
            rng.uniform(-1.2, 1.2, count) * half,
        ]
    )
    waves = 3 if view.waves else 0
    wave_angles = rng.uniform(0, 2 * np.pi, waves)
    wave_number = 2 * np.pi / (2 * half * rng.uniform(0.5, 1.6, waves))
    swing = rng.normal(0, view.waves * strength, (waves, 2)).clip(-1.0, 1.0)
    ripples = np.column_stack(
        [swing, np.cos(wave_angles) * wave_number, np.sin(wave_angles) * wave_number, wave_angles * 3]
    )
    direction = rng.uniform(0, 2 * np.pi)
    return Wrinkles(ripples, creases, np.array([np.cos(direction), np.sin(direction)]) * rng.uniform(0.4, 1.0))


def _rotation(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _tilted(tilt: float, azimuth: float, distance: float) -> np.ndarray:
    """View of a plane tilted by ``tilt`` about the axis across ``azimuth``, from ``distance`` modules."""
    squeeze = np.array([[np.cos(tilt), 0.0, 0.0], [0.0, 1.0, 0.0], [np.sin(tilt) / distance, 0.0, 1.0]])
    result: np.ndarray = _rotation(azimuth) @ squeeze @ _rotation(-azimuth)
    return result
