"""Marked parts of machines: peened shafts, and laser marks on caps, pins and tubes."""

import cv2
import numpy as np

from cellmark.data.generate import clutter, marks, surfaces
from cellmark.data.generate.dots import ODDS, apply_dots, stamped_dots, view_of
from cellmark.data.generate.fields import fractal, grain, pixel_grid, rgb
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.paint import blend, round_light, shape_of, solid
from cellmark.data.generate.raster import Raster

STEPS = 6  # of unsharpness, from the nearest line of a shaft to its sides


def peened_shaft(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Craters or dots on turned or ground metal that bends away from the camera."""
    raster = Raster.of(layout, reach=1.6, finest=24)
    light = rng.uniform(0, 2 * np.pi)
    metal = surfaces.pick(rng, surfaces.STEELS if rng.random() < 0.75 else surfaces.BRASSES, 0.1)
    along, share = rng.random() < 0.4, rng.uniform(0.2, 1.0)
    base = surfaces.machined(rng, layout, rng.uniform(0.2, 0.6) + share * severity, metal, along)
    if rng.random() < 0.5:
        grains = grain(rng, shape_of(layout), max(0.35, layout.pitch * rng.uniform(0.05, 0.2)))
        base = base * rgb(1 + np.float32(0.14 * severity * share) * grains)
    if rng.random() < 0.55:
        part = _craters(rng, raster, layout, base, severity, light)
    else:
        dots = view_of(raster, layout, stamped_dots(rng, raster, layout, severity, light))
        look = ("dark", "light", "ring", "moon")[int(rng.choice(len(ODDS), p=ODDS))]
        part = apply_dots(rng, base, dots, look, severity * (1.2 - share), layout.pitch)
    if rng.random() < 0.35 * severity:
        part = clutter.soil(rng, part, severity * rng.uniform(0.3, 0.9))
    part = clutter.scratches(rng, part, rng.poisson(3 * severity), max(1.0, 0.08 * layout.pitch), rng.random() < 0.6)
    scene = round_light(layout, rng, part, severity, rng.uniform(0.3, 0.9))
    scene = blend(clutter.machine(rng, shape_of(layout), dark=rng.random() < 0.8), scene, solid(layout))
    return _unsharp_sides(rng, layout, scene, severity)


def _craters(
    rng: np.random.Generator, raster: Raster, layout: Layout, base: np.ndarray, severity: float, light: float
) -> np.ndarray:
    relief = marks.peened(rng, raster, layout, severity, light)
    shade, depth = raster.view(relief.shade, layout), raster.view(relief.depth, layout)
    easy = 1 - min(severity, 1.0)
    dark = np.float32(rng.uniform(0.2 + 0.5 * easy, 0.7))
    slope = np.float32(rng.uniform(0.4, 0.9) * (1 - 0.5 * easy))
    glint = np.maximum(shade - np.float32(0.7), 0) * np.float32(rng.uniform(0, 0.5))
    result: np.ndarray = base * rgb(np.maximum(1 - dark * depth + slope * shade, 0.05)) + rgb(glint)
    return result


def _unsharp_sides(rng: np.random.Generator, layout: Layout, scene: np.ndarray, severity: float) -> np.ndarray:
    """The sides of a shaft lie farther from the lens than its middle: they blur, and centres stay."""
    cylinder = layout.surface.cylinder
    if cylinder is None:
        return scene
    far = (1 - layout.seen.facing) * np.float32(cylinder.radius / max(float(layout.extent.max()), 1.0))
    sigma = np.float32(layout.pitch * severity * rng.uniform(0.1, 0.9)) * far
    most = min(float(sigma.max()), 0.45 * layout.pitch)
    if most < 0.4:
        return scene
    soft = cv2.GaussianBlur(scene, (0, 0), most)
    share = rgb(np.clip(sigma / np.float32(most), 0, 1))
    result: np.ndarray = scene * (1 - share) + soft * share
    return result


def laser_part(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A laser mark on the round face of a pin or cap; where the view is bent, on a tube or a ring."""
    raster = Raster.of(layout)
    art = np.maximum(raster.modules(layout), _text(rng, raster, layout, severity))
    alpha = raster.view(marks.lasered(rng, raster, art, 0.8 * severity), layout)
    tint = np.exp(rng.normal(0, 0.02 + 0.06 * severity, 3)).astype(np.float32)
    scene = (
        _cap(layout, rng, severity, alpha) if layout.surface.cylinder is None else _tube(layout, rng, severity, alpha)
    )
    if rng.random() < 0.25:
        scene = scene * rgb(_eyepiece(rng, layout))
    result: np.ndarray = scene * tint
    return result


def _text(rng: np.random.Generator, raster: Raster, layout: Layout, severity: float) -> np.ndarray:
    """What else the laser wrote: lines above and below, or anything beside the code; not on it."""
    if rng.random() < 0.65:
        return clutter.captions(rng, raster, layout)
    return clutter.artwork(rng, raster, layout, severity, 1.0, rng.random() > 0.5 * severity)


def _marked(
    rng: np.random.Generator, layout: Layout, base: np.ndarray, alpha: np.ndarray, severity: float
) -> np.ndarray:
    """The mark on its surface: dark on bright metal, light on a dark one, fainter as it gets worse."""
    level = float(base[::4, ::4].mean())
    light = level < 0.3 or (level < 0.5 and rng.random() < 0.25)
    grey = rng.uniform(0.55, 0.95) if light else level * rng.uniform(0.2, 0.45)
    strength = np.float32(1 - min(severity, 1.3) * rng.uniform(0.05, 0.6))
    texture = 1 + np.float32(0.08 + 0.05 * severity) * grain(rng, shape_of(layout), 0.6)
    colour = np.float32(grey) * rng.normal(1, 0.05, 3)
    return blend(base, surfaces.coloured(texture, colour), np.clip(alpha * strength, 0, 1))


def _face(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """The bare face: blasted, brushed, turned or anodised."""
    shape, kind = shape_of(layout), rng.integers(5)
    if kind == 0:
        face = surfaces.brushed(rng, shape, 0.3 + 0.6 * severity)
    elif kind == 1:
        face = surfaces.blasted(rng, shape, 0.2 + 0.6 * severity, layout.pitch * rng.uniform(0.2, 0.6))
    elif kind == 2:
        face = surfaces.coloured(np.ones(shape, np.float32), surfaces.pick(rng, surfaces.ANODISED, 0.1) * 1.3)
    else:
        metals = surfaces.STEELS if rng.random() < 0.8 else surfaces.BRASSES
        face = surfaces.machined(rng, layout, 0.2 + 0.7 * severity, surfaces.pick(rng, metals, 0.1))
    clouds = fractal(rng, shape, layout.size / rng.uniform(2, 6), 3, 0.6)
    result: np.ndarray = face * rgb(np.float32(rng.uniform(0.9, 1.35)) + np.float32(0.05 + 0.12 * severity) * clouds)
    return result


def _cap(layout: Layout, rng: np.random.Generator, severity: float, alpha: np.ndarray) -> np.ndarray:
    """A round face with a glossy ring about it, in a dark holder with other holes and pins."""
    part = _marked(rng, layout, _face(layout, rng, severity), alpha, severity)
    x, y = layout.seen.x, layout.seen.y
    away = np.sqrt(x * x + y * y)
    phase = np.arctan2(y, x)
    radius = float(np.hypot(*layout.extent)) * rng.uniform(1.04, 1.5)
    inside = _within(layout, away, radius)
    scene = blend(_holder(layout, rng), part, inside)
    at = radius
    for _ in range(int(rng.integers(1, 5))):
        width = radius * rng.uniform(0.02, 0.14)
        ring = _within(layout, away, at + width) * (1 - _within(layout, away, at - 0.3 * width))
        turn = np.float32(rng.uniform(0, 2 * np.pi))
        sheen = np.float32(0.5) + np.float32(0.5) * np.cos(phase * np.float32(rng.integers(1, 4)) + turn)
        level = np.float32(rng.uniform(0.02, 0.5)) + np.float32(rng.uniform(0, 1.0)) * sheen**3
        scene = blend(scene, surfaces.coloured(level, np.ones(3)), ring)
        at += width * rng.uniform(0.8, 1.6)
    return scene


def _within(layout: Layout, away: np.ndarray, radius: float) -> np.ndarray:
    """1 where the distance ``away`` (modules) is less than ``radius``, with a border one pixel wide."""
    result: np.ndarray = np.clip((np.float32(radius) - away) * np.float32(layout.pitch) + np.float32(0.5), 0, 1)
    return result


def _holder(layout: Layout, rng: np.random.Generator) -> np.ndarray:
    """The dark tray that holds the pins: holes, bright rims, numbers."""
    size = layout.size
    if rng.random() < 0.3:
        return clutter.machine(rng, shape_of(layout), dark=rng.random() < 0.7)
    tray = (
        np.full((size, size, 3), rng.uniform(8, 45) * rng.normal(1, 0.06, 3), np.float32).clip(0, 255).astype(np.uint8)
    )
    for _ in range(int(rng.integers(1, 5))):
        at = tuple(int(v) for v in rng.integers(0, size, 2))
        radius = int(rng.integers(size // 12, size // 4))
        level = float(rng.uniform(0, 230))
        cv2.circle(tray, at, radius, (level, level, level), -1, cv2.LINE_AA)
        for _ in range(int(rng.integers(1, 4))):
            bright = float(rng.uniform(10, 250))
            cv2.circle(tray, at, radius, (bright, bright, bright), int(rng.integers(1, 6)), cv2.LINE_AA)
            radius = max(2, int(radius * rng.uniform(0.7, 0.95)))
    for _ in range(rng.poisson(1.2)):
        at = tuple(int(v) for v in rng.integers(0, size, 2))
        grey = float(rng.uniform(60, 200))
        scale = float(rng.uniform(0.5, 1.6))
        cv2.putText(tray, str(rng.integers(1, 17)), at, int(rng.integers(2)), scale, (grey, grey, grey), 2, cv2.LINE_AA)
    return cv2.GaussianBlur(tray, (0, 0), rng.uniform(0.6, 2.0)).astype(np.float32) / np.float32(255)


def _tube(layout: Layout, rng: np.random.Generator, severity: float, alpha: np.ndarray) -> np.ndarray:
    """An anodised or plastic tube, dark most often, or a metal sleeve: a light or dark mark bent around it."""
    if rng.random() < 0.6:
        shade = np.float32(rng.uniform(0.3, 1.0))
        base = surfaces.machined(rng, layout, 0.2 + 0.4 * severity, surfaces.pick(rng, surfaces.ANODISED, 0.1) * shade)
    else:
        metals = surfaces.STEELS if rng.random() < 0.5 else surfaces.BRASSES
        base = surfaces.machined(rng, layout, 0.1 + 0.4 * severity, surfaces.pick(rng, metals, 0.1))
    part = _marked(rng, layout, base, alpha, severity)
    scene = round_light(layout, rng, part, severity, rng.uniform(0.05, 0.8))
    behind = clutter.machine(rng, shape_of(layout), dark=rng.random() < 0.5)
    if rng.random() < 0.3:  # a lamp right behind: an overexposed edge
        behind = behind + np.float32(rng.uniform(0.4, 1.2))
    return blend(behind, scene, solid(layout))


def _eyepiece(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """What a lens with a narrow field leaves: darkness towards the corners; float32 (H, W)."""
    x, y = pixel_grid(layout.size)
    half = np.float32(layout.size / 2)
    cx, cy = half + rng.normal(0, 0.12, 2).astype(np.float32) * half
    away = np.sqrt((x - cx) ** 2 + (y - cy) ** 2) / half
    edge = np.float32(rng.uniform(0.85, 1.3))
    result: np.ndarray = np.clip(
        (edge - away) * np.float32(rng.uniform(2, 9)) + 1, np.float32(rng.uniform(0.05, 0.5)), 1
    )
    return result
