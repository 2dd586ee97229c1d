"""Warps of 512x512 RGB with 400 keypoints, beside the report's plain way."""

import random
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from benchmarks.timing import Row, milliseconds
from cellmark.data.augmentation import sheets
from cellmark.data.augmentation.warp import Warp as OnlineWarp
from cellmark.data.warps.displacement import Warp, draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, SmoothField

SIDE, SIZE = 512, (512, 512)
REPEATS = 31
Draw = Callable[[np.random.Generator, np.ndarray], Warp]
DRAWS: dict[str, Draw] = {
    "curvature": lambda rng, points: Curvature(SIZE, 0.2),
    "crumpling": lambda rng, points: draw_unfolded(lambda rng: Crumpling.draw(rng, SIZE), rng, points)[0],
    "smooth field": lambda rng, points: draw_unfolded(lambda rng: SmoothField.draw(rng, SIZE), rng, points)[0],
    "rotation": lambda rng, points: Rotation(SIZE, float(rng.uniform(0, 90))),
}


def rows() -> list[Row]:
    """Warps per second with one thread, from the median: drawing, fold check, keypoints and picture.

    The plain way computes the displacement of every pixel in float64, by the formula as it is written, resamples with
    OpenCV, and reads the displacement of a keypoint off at its old place: no inverse, no fold check. Online, three
    warps are added before one resampling; there the plain way does one after the other.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    places = np.stack(np.meshgrid(*[np.linspace(80, 430, 20)] * 2), axis=-1).reshape(-1, 2)
    found = []
    for name, draw in DRAWS.items():
        ours = milliseconds(partial(ours_once, draw, rng, image, places), REPEATS)
        plain = milliseconds(partial(plain_once, [name], rng, image, places), 5)
        found.append(Row(f"{name}, 512x512", 1e3 / ours, "at least 15", 1e3 / plain, "/s"))
    online = OnlineWarp([sheets.Curvature([0.2, 0.2]), sheets.Crumpling([0.3, 0.3]), sheets.SmoothField([8, 8])])
    online.set_random_state(rng, random.Random(0))
    ours = milliseconds(partial(online_once, online, image, places), REPEATS)
    plain = milliseconds(partial(plain_once, list(DRAWS)[:3], rng, image, places), 5)
    cv2.setNumThreads(threads)
    return [
        *found,
        Row("curvature, crumpling, smooth field in one, online, 512x512", 1e3 / ours, "at least 15", 1e3 / plain, "/s"),
    ]


def ours_once(draw: Draw, rng: np.random.Generator, image: np.ndarray, points: np.ndarray) -> None:
    """One warp as ``dataset_warp`` makes it."""
    warp = draw(rng, points)
    warp.warp(image)
    warp.move(points)


def online_once(warp: OnlineWarp, image: np.ndarray, points: np.ndarray) -> None:
    """One warp as training makes it."""
    params = warp.get_params_dependent_on_data({}, {"image": image})
    warp.apply(image, **params)
    warp.apply_to_keypoints(points, **params)


def plain_once(names: Sequence[str], rng: np.random.Generator, image: np.ndarray, points: np.ndarray) -> None:
    """One warp after another, each by its formula at every pixel."""
    for name in names:
        formula = FORMULAS[name](rng)
        y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
        dx, dy = formula(x, y)
        image = cv2.remap(image, (x + dx).astype(np.float32), (y + dy).astype(np.float32), cv2.INTER_LINEAR)
        points = points + np.stack(formula(points[:, 0], points[:, 1]), axis=1)


Formula = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def plain_curvature(rng: np.random.Generator) -> Formula:
    """Rows slide along themselves."""
    return lambda x, y: (-0.2 * SIDE * np.sin(2 * np.pi * y / SIDE), np.zeros_like(y))


def plain_crumpling(rng: np.random.Generator) -> Formula:
    """Three wrinkles anywhere in the middle."""
    low, high = (102, 102, 40, 3, 0), (410, 410, 80, 8, 2 * np.pi)  # place, radius, intensity, angle
    wrinkles = rng.uniform(low, high, (3, 5))

    def formula(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for at_x, at_y, radius, strength, angle in wrinkles:
            d = np.sqrt((x - at_x) ** 2 + (y - at_y) ** 2)
            alpha = 0.3 * strength * np.exp(-(d**2) / (2 * (1.5 * radius) ** 2))
            pull = 0.2 * np.exp(-d / (0.8 * radius))
            dx += alpha * (np.cos(angle + d / radius) * np.sin(2 * d / radius) + np.sin(2 * angle) * pull)
            dy += alpha * (np.sin(angle + d / radius) * np.sin(2 * d / radius) + np.cos(2 * angle) * pull)
        return dx, dy

    return formula


def plain_smooth_field(rng: np.random.Generator) -> Formula:
    """Sixteen plane waves."""
    waves = rng.uniform(-1, 1, (16, 5))

    def formula(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        swings = [np.cos(0.03 * a * x + 0.03 * b * y + 3 * c) for a, b, c, _, _ in waves]
        dx = np.sum([2.8 * wave[3] * swing for wave, swing in zip(waves, swings, strict=True)], axis=0)
        dy = np.sum([2.8 * wave[4] * swing for wave, swing in zip(waves, swings, strict=True)], axis=0)
        return dx, dy

    return formula


def plain_rotation(rng: np.random.Generator) -> Formula:
    """A turn about the centre."""
    angle, centre = rng.uniform(0, np.pi / 2), (SIDE - 1) / 2

    def formula(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        across, down = x - centre, y - centre
        source_x = np.cos(angle) * across - np.sin(angle) * down + centre
        return source_x - x, np.sin(angle) * across + np.cos(angle) * down + centre - y

    return formula


FORMULAS: dict[str, Callable[[np.random.Generator], Formula]] = {
    "curvature": plain_curvature,
    "crumpling": plain_crumpling,
    "smooth field": plain_smooth_field,
    "rotation": plain_rotation,
}
