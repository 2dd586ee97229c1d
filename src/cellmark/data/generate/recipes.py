"""The conditions: how each is seen, painted and photographed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cellmark.data.generate import clutter, optics
from cellmark.data.generate.dots import dotted
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.paint import crumpled, curved, dirty, label, laser, peen, printed_anyhow
from cellmark.data.generate.parts import laser_part, peened_shaft
from cellmark.data.generate.rendered import rendered
from cellmark.data.generate.views import View

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
        padded: probability of a picture that is not square, padded.
    """

    view: View
    paint: Painter
    camera: optics.Camera
    light: float = 0.4
    spots: float = 0.0
    covered: float = 0.1
    padded: float = 0.0


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
    "7_rendered": Recipe(
        View(tilt=0.5, waves=0.04, several=0.1, frontal=0.55, mirror=0.05, flush=0.35, close=0.22),
        rendered,
        optics.Camera(defocus=0.12, noise=0.02, contrast=0.25, mono=0.25, coarse=0.3, sharpen=0.1, binary=0.1),
        light=0.1,
        padded=0.15,
    ),
    "8_dots": Recipe(
        View(tilt=0.35, jitter=0.03, several=0.04, mirror=0.05, flush=0.03, close=0.25),
        dotted,
        optics.Camera(0.12, mono=0.7, noise=0.06, contrast=0.35, coarse=0.2, fewest=2.4, sharpen=0.15, binary=0.02),
        light=0.5,
        spots=0.2,
    ),
    "9_peened_shaft": Recipe(
        View(tilt=0.45, bend=1.0, arc=(0.3, 1.2), jitter=0.03, several=0.03, mirror=0.05, flush=0.03, close=0.15),
        peened_shaft,
        optics.Camera(0.12, mono=0.55, noise=0.045, contrast=0.4, coarse=0.2, fewest=2.4, sharpen=0.15),
        light=0.6,
        spots=0.4,
    ),
    "10_laser_part": Recipe(
        View(tilt=0.45, bend=0.5, arc=(0.2, 1.0), several=0.03, mirror=0.05, flush=0.03, close=0.15),
        laser_part,
        optics.Camera(defocus=0.2, motion=0.25, mono=0.15, noise=0.04, contrast=0.45, coarse=0.35, sharpen=0.25),
        light=0.7,
        spots=0.9,
        covered=0.08,
        padded=0.05,
    ),
    "11_label_photo": Recipe(
        View(tilt=0.65, bend=0.3, arc=(0.2, 0.9), waves=0.1, several=0.08, mirror=0.05, flush=0.05, close=0.15),
        printed_anyhow,
        optics.Camera(defocus=0.2, motion=0.4, mono=0.3, noise=0.04, contrast=0.45, coarse=0.5, sharpen=0.2),
        light=0.5,
        spots=0.3,
    ),
}


def photograph(recipe: Recipe, layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Paints what lies on the plane and takes the picture: uint8 (H, W, 3) RGB."""
    size = layout.size
    scene = recipe.paint(layout, rng, severity)
    scene = scene * optics.ramp(rng, size, recipe.light * severity)
    if rng.random() < recipe.covered * severity:
        scene = clutter.cover(rng, scene, layout, severity)
    for _ in range(rng.poisson(recipe.spots * severity)):
        tint = np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)  # lamps, pilot lasers, coloured ring lights
        scene = scene + tint * optics.highlight(rng, size, rng.uniform(0.2, 0.9))
    image = optics.take(rng, scene, recipe.camera, layout.pitch, severity)
    centres = np.concatenate([c.reshape(-1, 2) for c in layout.centres])
    if rng.random() < 0.05:
        image = optics.rectified_border(rng, image, centres)
    if rng.random() < recipe.padded:
        image = optics.padded_border(rng, image, centres, layout.pitch)
    return image
