"""The six acquisition conditions, each composed from surfaces, marks, clutter and optics.

To add a condition: a painter ``(Layout, rng, severity) -> float32 (H, W, 3)`` and an entry in ``RECIPES``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cellmark.data.generate import clutter, optics
from cellmark.data.generate.layout import Layout, arrange
from cellmark.data.generate.paint import crumpled, curved, dirty, label, laser, peen
from cellmark.data.generate.views import View
from cellmark.data.records import Code
from cellmark.errors import CellmarkError

Painter = Callable[[Layout, np.random.Generator, float], np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """One condition: what the view does, what is painted, and how it is photographed.

    Attributes:
        view: limits of the geometry.
        paint: makes the scene.
        camera: limits of the optics.
        light: fall-off of the light at severity 1.
        spots: mean number of specular spots at severity 1.
        covered: probability that something lies over a code, at severity 1.
    """

    view: View
    paint: Painter
    camera: optics.Camera
    light: float = 0.4
    spots: float = 0.0
    covered: float = 0.1


@dataclass(frozen=True)
class Drawing:
    """A picture, uint8 (H, W, 3) RGB, and the codes in it."""

    image: np.ndarray
    codes: tuple[Code, ...]


RECIPES: dict[str, Recipe] = {
    "1_label_print": Recipe(View(tilt=0.75, waves=0.12, several=0.15), label, optics.Camera(mono=0.2)),
    "2_dot_peened": Recipe(
        View(tilt=0.6, jitter=0.035, several=0.06),
        peen,
        optics.Camera(defocus=0.14, mono=0.6, noise=0.04),
        light=0.6,
        spots=0.5,
    ),
    "3_laser_etched": Recipe(
        View(tilt=0.7, bend=0.15, several=0.12),
        laser,
        optics.Camera(mono=0.35, noise=0.035, contrast=0.4),
        light=0.7,
        spots=0.7,
    ),
    "4_curved_bottle": Recipe(
        View(tilt=0.45, bend=1.0, arc=(0.5, 1.2), several=0.04),
        curved,
        optics.Camera(mono=0.15),
        light=0.4,
        spots=0.2,
    ),
    "5_crumpled_foil": Recipe(
        View(tilt=0.5, waves=0.15, creases=(4, 9), crease=0.42, several=0.08),
        crumpled,
        optics.Camera(mono=0.15),
        light=0.4,
        spots=0.3,
    ),
    "6_dirty_blurred": Recipe(
        View(tilt=0.7, bend=0.1, waves=0.08, several=0.08),
        dirty,
        optics.Camera(defocus=0.2, motion=1.3, noise=0.05, contrast=0.5),
        light=1.3,
        spots=0.4,
        covered=0.35,
    ),
}
CONDITIONS: tuple[str, ...] = tuple(RECIPES)


def draw(condition: str, size: int, rng: np.random.Generator, severity: float, min_pitch: float = 5.0) -> Drawing:
    """Draws one picture of a condition.

    Args:
        condition: one of ``CONDITIONS``.
        size: side of the picture in pixels.
        rng: source of all randomness.
        severity: 0 (clean) to 1.5 (extreme).
        min_pitch: smallest distance between neighbouring cells in pixels.

    Raises:
        CellmarkError: no such condition, or not even the smallest code fits.
    """
    if condition not in RECIPES:
        raise CellmarkError(f"no condition {condition!r}; there are {', '.join(CONDITIONS)}")
    recipe = RECIPES[condition]
    layout = arrange(recipe.view, size, rng, severity, min_pitch)
    scene = recipe.paint(layout, rng, severity)
    scene = scene * optics.ramp(rng, size, recipe.light * severity)
    if rng.random() < recipe.covered * severity:
        scene = clutter.cover(rng, scene, layout, severity)
    for _ in range(rng.poisson(recipe.spots * severity)):
        scene = scene + optics.highlight(rng, size, rng.uniform(0.2, 0.9))
    image = optics.take(rng, scene, recipe.camera, layout.pitch, severity)
    if rng.random() < 0.05:
        image = optics.rectified_border(rng, image, np.concatenate([c.reshape(-1, 2) for c in layout.centres]))
    return Drawing(image, layout.codes())
