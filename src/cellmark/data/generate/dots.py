"""Marks of separate dots: peened, drilled, burnt or jetted. And what they are on: grainy metal, or plastic."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.data.generate import clutter, surfaces
from cellmark.data.generate.fields import grain, rgb
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.paint import blend, shape_of
from cellmark.data.generate.raster import Raster, offsets_from_texels, stamp
from cellmark.data.generate.surfaces import coloured

LOOKS = ("dark", "light", "ring", "moon")
SMALLEST_RADIUS = 1.4  # pixels: what is smaller drowns in the grain of the metal
ODDS = (0.45, 0.2, 0.17, 0.18)


@dataclass(frozen=True)
class Dots:
    """Textures of round marks, float32 (side, side) each.

    Attributes:
        disc: 1 within a dot, 0 outside, soft between.
        rim: 1 on its border.
        side: -1 on the side of a dot away from the light, 1 on the side towards it, 0 outside.
    """

    disc: np.ndarray
    rim: np.ndarray
    side: np.ndarray


def stamped_dots(rng: np.random.Generator, raster: Raster, layout: Layout, severity: float, light: float) -> Dots:
    """Dots at the marked cells: touching, or with gaps; some larger, fainter or missing.

    Args:
        rng: source of randomness.
        raster: the textures' scale.
        layout: where the codes lie; its offsets move the dots.
        severity: strength of the faults.
        light: direction towards the light on the plane, radians.
    """
    centres = np.concatenate([code.centres()[code.symbol.modules] for code in layout.placed])
    count = len(centres)
    mean = rng.uniform(0.42, 0.55) if rng.random() < 0.5 else rng.uniform(0.36 - 0.18 * min(severity, 1.0), 0.45)
    mean = min(0.55, max(mean, SMALLEST_RADIUS / layout.pitch))
    radius = (mean * (1 + rng.normal(0, 0.02 + 0.08 * severity, count))).clip(0.15, 0.62)
    force = (1 + rng.normal(0, 0.2 * severity, count)).clip(0.3, 1.3)
    force *= rng.random(count) > 0.035 * severity
    power = force.astype(np.float32)[:, None, None]
    points, dx, dy = offsets_from_texels(raster, centres, int(np.ceil(1.25 * radius.max(initial=0) * raster.scale)) + 1)
    r = np.sqrt(dx * dx + dy * dy) / radius.astype(np.float32)[:, None, None]
    soft = np.float32(rng.uniform(2.2, 6.0))
    disc = power * np.clip((1 - r) * soft + np.float32(0.5), 0, 1)
    rim = power * np.exp(-((r - np.float32(0.85)) ** 2) * np.float32(rng.uniform(18, 40)))
    towards = (np.float32(np.cos(light)) * dx + np.float32(np.sin(light)) * dy) / np.float32(mean)
    textures = [raster.blank() for _ in range(3)]
    for texture, patches in zip(textures, (disc, rim, disc * np.clip(1.6 * towards, -1, 1)), strict=True):
        stamp(raster, texture, points, patches)
    return Dots(np.minimum(textures[0], 1), np.minimum(textures[1], 1), np.clip(textures[2], -1, 1))


def engraving(rng: np.random.Generator, raster: Raster, layout: Layout, severity: float) -> np.ndarray:
    """Letters, outlines and long lines beside the codes, none upon them: float32 (side, side), 1 where cut."""
    letters = clutter.artwork(rng, raster, layout, severity, 1.2, quiet=True) - raster.modules(layout)
    canvas = np.zeros((raster.side, raster.side), np.uint8)
    for _ in range(rng.poisson(0.9)):
        thick = max(1, int(raster.scale * rng.uniform(0.15, 0.6)))
        start, end = (tuple(int(c) for c in rng.integers(0, raster.side, 2)) for _ in range(2))
        kind = rng.integers(3)
        if kind == 0:
            along = (raster.side, start[1]) if rng.random() < 0.5 else (start[0], raster.side)
            cv2.line(canvas, (along[0] - raster.side, start[1]), along, 255, thick, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(canvas, start, int(rng.integers(raster.side // 12, raster.side // 3)), 255, thick, cv2.LINE_AA)
        else:
            cv2.rectangle(canvas, start, end, 255, thick)
    for code in layout.placed:
        canvas[raster.box(code, 1)] = 0
    result: np.ndarray = np.maximum(letters, canvas.astype(np.float32) / np.float32(255))
    return result


def _ground(rng: np.random.Generator, layout: Layout, severity: float, dark: bool) -> np.ndarray:
    """Grainy metal most often; also plastic and card, on which dots are jetted or burnt."""
    kind = rng.random()
    if kind < 0.72:
        metals = surfaces.STEELS if rng.random() < 0.8 else surfaces.BRASSES
        return surfaces.grainy(rng, layout, rng.uniform(0.3, 1.0) * (0.4 + severity), surfaces.pick(rng, metals, 0.1))
    if kind < 0.84:
        return surfaces.cast(rng, shape_of(layout), 0.2 + 0.7 * severity, layout.pitch * rng.uniform(0.3, 1), 0.7)
    if dark:
        return surfaces.card(rng, shape_of(layout)) if kind < 0.9 else surfaces.paper(rng, shape_of(layout), severity)
    return surfaces.plastic(rng, shape_of(layout), severity)


def apply_dots(
    rng: np.random.Generator, base: np.ndarray, dots: Dots, look: str, severity: float, pitch: float
) -> np.ndarray:
    """Dots over a surface.

    Args:
        rng: source of randomness.
        base: float32 (H, W, 3), the bare surface.
        dots: the dots as seen in the picture, (H, W) each.
        look: one of ``LOOKS``.
        severity: the greater, the fainter.
        pitch: distance between cells, pixels.

    Returns:
        float32 (H, W, 3).
    """
    shape = base.shape[0], base.shape[1]
    strength = np.float32(rng.uniform(0.85, 1.0) - min(severity, 1.2) * rng.uniform(0.0, 0.45))
    rough = 1 + np.float32(0.12 * severity) * grain(rng, shape, max(0.12 * pitch, 0.35))
    level = np.float32(max(float(base[::4, ::4].mean()), 0.08))
    if look == "light":
        field = base * np.float32(rng.uniform(0.15, 0.5) / max(float(level), 0.4))
        return blend(field, coloured(rough, np.full(3, rng.uniform(0.6, 1.0))), dots.disc * strength)
    if look == "ring":
        field = base * np.float32(rng.uniform(0.35, 0.9))
        inner = np.clip(dots.disc - dots.rim, 0, 1) * np.float32(rng.uniform(0.1, 0.9))
        bright = np.float32(rng.uniform(0.7, 1.2)) * level * rough
        return blend(field * rgb(1 - strength * inner), coloured(bright + 0.15, np.ones(3)), dots.rim * strength)
    if look == "moon":
        sides = np.where(dots.side > 0, np.float32(rng.uniform(0.3, 1.3)), np.float32(rng.uniform(0.6, 0.95)))
        shade = 1 + strength * (sides * dots.side - np.float32(rng.uniform(0, 0.35)) * dots.disc)
        result: np.ndarray = base * rgb(np.maximum(shade, 0.06))
        return result
    hollow = dots.disc - np.float32(rng.uniform(0, 0.35)) * np.clip(dots.disc - 1.5 * dots.rim, 0, 1)
    ink = coloured(rough * level * np.float32(rng.uniform(0.12, 0.4)), np.ones(3))
    return blend(base, ink, np.clip(hollow * strength * rough, 0, 1))


def view_of(raster: Raster, layout: Layout, dots: Dots) -> Dots:
    """The dots as the camera sees them, (H, W) each."""
    return Dots(*(raster.view(texture, layout) for texture in (dots.disc, dots.rim, dots.side)))


def dotted(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Round dots on noisy metal with tool marks, engraved lines and letters."""
    raster = Raster.of(layout, reach=1.6, finest=20)
    look = LOOKS[int(rng.choice(len(LOOKS), p=ODDS))]
    dots = view_of(raster, layout, stamped_dots(rng, raster, layout, severity, rng.uniform(0, 2 * np.pi)))
    share = rng.uniform(0.2, 1.0)  # rough metal with clear dots, or faint dots on even metal; seldom both at once
    base = _ground(rng, layout, severity * share, dark=look == "dark")
    if rng.random() < 0.7:
        cut = raster.view(cv2.GaussianBlur(engraving(rng, raster, layout, severity), (0, 0), 0.8), layout)
        base = base * rgb(1 - np.float32(rng.uniform(0.3, 0.9)) * cut)
    return apply_dots(rng, base, dots, look, severity * (1.2 - share), layout.pitch)
