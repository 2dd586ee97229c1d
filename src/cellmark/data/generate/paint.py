"""The painters: how the scene of each condition looks before light and camera."""

import numpy as np

from cellmark.data.generate import clutter, marks, surfaces
from cellmark.data.generate.fields import fractal, grain, pixel_grid, profile, rgb, smooth
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.raster import Raster
from cellmark.data.generate.surfaces import coloured

INKS = ((0.05, 0.05, 0.06), (0.08, 0.08, 0.09), (0.06, 0.07, 0.16), (0.16, 0.10, 0.07))


def blend(image: np.ndarray, colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``colour`` over ``image`` (H, W, 3) where ``alpha`` (H, W) is 1; the colour may itself be an image."""
    over = coloured(alpha, colour) if colour.ndim == 1 else colour * rgb(alpha)
    result: np.ndarray = image * rgb(1 - alpha) + over
    return result


def sheet(layout: Layout, rng: np.random.Generator, margin: float, slack: float) -> np.ndarray:
    """A rectangular label or plate around the codes: float32 (H, W), 1 inside.

    Args:
        layout: where the codes lie.
        rng: source of randomness.
        margin: least distance from code to edge, modules.
        slack: greatest further distance, relative to the codes' extent.
    """
    alpha = solid(layout)
    soft = np.float32(layout.pitch)
    for axis, position in ((0, layout.seen.x), (1, layout.seen.y)):
        for sign in (-1, 1):
            edge = layout.extent[axis] + margin + rng.exponential(slack) * float(layout.extent.max())
            alpha = alpha * np.clip((np.float32(edge) - sign * position) * soft + np.float32(0.5), 0, 1)
    return alpha


def solid(layout: Layout) -> np.ndarray:
    """Where the surface is seen at all, float32 (H, W), with a soft outline at the side of a cylinder."""
    cylinder = layout.surface.cylinder
    alpha = layout.seen.seen.astype(np.float32)
    if cylinder is None:
        return alpha
    inward = np.float32(0.5 * cylinder.radius * layout.pitch) * layout.seen.facing**2  # pixels to the outline
    result: np.ndarray = alpha * np.clip(inward - np.float32(0.3), 0, 1)
    return result


def shape_of(layout: Layout) -> tuple[int, int]:
    """Height and width of the picture."""
    return layout.size, layout.size


def background(layout: Layout, rng: np.random.Generator, dark: float = 0.6) -> np.ndarray:
    """What lies behind a label or a part, float32 (H, W, 3); dark with probability ``dark`` where it is a machine."""
    if rng.random() < 0.25:
        return (
            surfaces.card(rng, shape_of(layout)) if rng.random() < 0.5 else surfaces.plastic(rng, shape_of(layout), 0.5)
        )
    return clutter.machine(rng, shape_of(layout), dark=rng.random() < dark)


def label(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A printed label on a dark machine, a carton, or filling the picture."""
    raster = Raster.of(layout)
    quiet = rng.random() > 0.4 * severity
    art = clutter.artwork(rng, raster, layout, severity, 1.6, quiet)
    ink = raster.view(marks.printed(rng, raster, art, severity), layout)
    base = surfaces.paper(rng, shape_of(layout), severity)
    if rng.random() < 0.15 * severity:  # white on a dark label
        base, colour = (
            surfaces.plastic(rng, shape_of(layout), 0.3) * 0.4,
            np.array((0.85, 0.85, 0.82), np.float32),
        )
    else:
        colour = np.array(INKS[rng.integers(len(INKS))], np.float32) * np.float32(1 + 2.5 * severity * rng.random())
    printed = blend(base, colour, ink)
    if rng.random() < 0.25:
        result: np.ndarray = printed * rgb(solid(layout))
        return result
    return blend(background(layout, rng), printed, sheet(layout, rng, 2.0 if quiet else 0.3, 0.5))


def _metal(layout: Layout, rng: np.random.Generator, severity: float, light: float) -> np.ndarray:
    """Brushed, blasted, cast or corroded metal, its grain the worse, the closer to the size of the dots."""
    shape, size = shape_of(layout), layout.pitch * rng.uniform(0.25, 0.9)
    kind = rng.integers(4)
    if kind == 0:
        return surfaces.brushed(rng, shape, 0.4 + severity)
    if kind == 1:
        return surfaces.blasted(rng, shape, 0.3 + severity, size)
    if kind == 2:
        return surfaces.cast(rng, shape, 0.2 + 0.8 * severity, size, light)
    return surfaces.corroded(rng, shape, 0.2 + 0.8 * severity, size, light)


def peen(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Dot peening: craters in metal, lit from one side."""
    raster = Raster.of(layout, reach=1.6, finest=28)
    light = rng.uniform(0, 2 * np.pi)
    relief = marks.peened(rng, raster, layout, severity, light)
    shade, depth = raster.view(relief.shade, layout), raster.view(relief.depth, layout)
    base = _metal(layout, rng, severity, light)
    easy = 1 - min(severity, 1.0)
    dark = np.float32(rng.uniform(0.15 + 0.6 * easy, 0.65 + 0.15 * easy))
    slope = np.float32(rng.uniform(0.45, 0.85) * (1 - 0.6 * easy))
    scene = base * rgb(np.maximum(1 - dark * depth + slope * shade, 0.05))
    glint = np.maximum(shade - np.float32(0.75), 0) * np.float32(rng.uniform(0, 0.5))
    result: np.ndarray = scene + rgb(glint)
    return result


def laser(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Laser marks, dark on bright metal or light on dark, over machining grooves and heat tints."""
    raster = Raster.of(layout)
    art = clutter.artwork(rng, raster, layout, severity, 1.0, quiet=rng.random() > 0.5 * severity)
    alpha = raster.view(marks.lasered(rng, raster, art, severity), layout)
    light_on_dark = rng.random() < 0.5
    if light_on_dark:
        base = surfaces.machined(rng, layout, 0.4 + severity, surfaces.pick(rng, surfaces.ANODISED, 0.08) * 1.5)
        mark = np.array((0.72, 0.72, 0.70), np.float32) * np.float32(rng.uniform(0.6, 1.1))
    else:
        metals = surfaces.STEELS if rng.random() < 0.7 else surfaces.BRASSES
        base = surfaces.machined(rng, layout, 0.4 + severity, surfaces.pick(rng, metals, 0.08))
        mark = np.array((0.16, 0.14, 0.13), np.float32) * np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.35 and not light_on_dark:
        base = surfaces.heat_tints(rng, base, min(0.8, 0.25 + 0.5 * severity * rng.random()))
    strength = np.float32(1 - severity * rng.uniform(0.1, 0.55))
    texture = coloured(1 + 0.1 * grain(rng, shape_of(layout), 0.5), mark)
    part = blend(base, texture, np.clip(alpha * strength, 0, 1))
    if rng.random() < 0.35:
        return blend(clutter.machine(rng, shape_of(layout), dark=True), part, sheet(layout, rng, 1.0, 0.6))
    result: np.ndarray = part * rgb(solid(layout))
    return result


def curved(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A bottle, vial or shaft: label or direct mark, bent around it, with specular bands along the axis."""
    raster = Raster.of(layout)
    quiet = rng.random() > 0.4 * severity
    art = clutter.artwork(rng, raster, layout, severity, 1.4, quiet)
    shaft = rng.random() < 0.45
    if shaft:
        metal = surfaces.pick(rng, surfaces.STEELS if rng.random() < 0.6 else surfaces.BRASSES)
        body = surfaces.machined(rng, layout, 0.3 + severity, metal)
        ink = raster.view(marks.lasered(rng, raster, art, severity), layout)
        colour = np.array((0.18, 0.14, 0.12), np.float32) * np.float32(rng.uniform(0.5, 1.5))
        part = blend(body, colour, np.clip(ink * np.float32(1 - 0.4 * severity * rng.random()), 0, 1))
    else:
        body = surfaces.plastic(rng, shape_of(layout), 0.3)
        ink = raster.view(marks.printed(rng, raster, art, severity), layout)
        colour = np.array(INKS[rng.integers(len(INKS))], np.float32)
        printed = blend(surfaces.paper(rng, shape_of(layout), severity), colour, ink)
        part = blend(body, printed, sheet(layout, rng, 1.2, 0.35))
    scene = round_light(layout, rng, part, severity, 0.9 if shaft else 0.35)
    return blend(clutter.machine(rng, shape_of(layout), dark=rng.random() < 0.7), scene, solid(layout))


def round_light(
    layout: Layout, rng: np.random.Generator, part: np.ndarray, severity: float, gloss: float
) -> np.ndarray:
    """Shading across a cylinder and the bands in which it mirrors a lamp."""
    cylinder, seen = layout.surface.cylinder, layout.seen
    if cylinder is None:
        return part
    theta = (np.cos(cylinder.angle) * seen.x + np.sin(cylinder.angle) * seen.y) / cylinder.radius
    theta = theta.astype(np.float32)
    lamp = np.float32(rng.normal(0, 0.5))
    shade = np.float32(0.25) + np.float32(0.75) * np.maximum(np.cos(theta - lamp), 0)
    edge = np.clip(seen.facing * np.float32(2.2), 0.15, 1)
    bands = np.zeros_like(theta)
    for _ in range(1 + rng.poisson(0.8)):
        at, width = rng.normal(lamp, 0.5), rng.uniform(0.03, 0.16)
        power = gloss * (0.12 + 0.9 * severity) * rng.uniform(0.4, 1.3)
        bands += np.float32(power) * np.exp(-0.5 * ((theta - np.float32(at)) / np.float32(width)) ** 2)
    result: np.ndarray = part * rgb(shade * edge) + rgb(bands)
    return result


def crumpled(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Printed foil or a creased film: each facet mirrors another part of the room."""
    raster = Raster.of(layout)
    art = clutter.artwork(rng, raster, layout, severity, 1.4, rng.random() > 0.4 * severity)
    ink = raster.view(marks.printed(rng, raster, art, 0.7 * severity), layout)
    tilt = _facets(layout, rng, severity)
    room = np.clip((tilt + np.float32(4)) * 60, 0, 480)
    mirror = profile(rng, room, rng.uniform(35, 80))
    mirror -= np.float32(mirror.mean())
    metal = rng.random() < 0.75
    if metal:
        grey = 0.72 + np.float32(0.14 + 0.22 * severity) * mirror + np.float32(0.15) * tilt
        colour = np.array(((1.0, 1.0, 1.02), (1.0, 0.86, 0.6), (0.95, 0.97, 1.0))[rng.integers(3)], np.float32)
    else:
        grey = 0.86 + np.float32(0.22) * np.clip(tilt, -2, 1.5)
        colour = np.array((0.97, 0.96, 0.93), np.float32)
    base = coloured(np.clip(grey, 0.08, 1.5) + 0.02 * grain(rng, shape_of(layout), 0.5), colour)
    gloss = np.clip(mirror - np.float32(1.2), 0, 1) * np.float32(0.9 * severity * metal)
    inked = coloured(np.clip(0.8 + 0.5 * tilt, 0.3, 2.0), np.array(INKS[rng.integers(3)]))
    printed = blend(base, inked, ink * np.float32(1 - 0.2 * severity * rng.random())) + rgb(gloss)
    if rng.random() < 0.35:
        return blend(background(layout, rng), printed, sheet(layout, rng, 1.5, 0.5))
    result: np.ndarray = printed
    return result


def _facets(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Slope of the crumpled sheet along the light, float32 (H, W): large creases and fine facets."""
    x, y = pixel_grid(layout.size)
    bow = smooth(rng, shape_of(layout), layout.size / 3) * np.float32(layout.size / 16)
    slope = smooth(rng, shape_of(layout), layout.size / 4) * np.float32(0.15)
    for _ in range(int(rng.integers(7, 15))):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9, 2) * layout.size
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        side = c * (x - np.float32(offset[0])) + s * (y - np.float32(offset[1])) + np.float32(rng.normal()) * bow
        slope += np.float32(rng.normal(0, 0.4)) * np.clip(side * np.float32(rng.uniform(0.1, 0.6)), -1, 1)
    down, right = np.gradient(layout.seen.height * np.float32(layout.pitch))
    light = rng.uniform(0, 2 * np.pi)
    large = np.float32(np.cos(light)) * right + np.float32(np.sin(light)) * down
    return large * np.float32(2.0) + np.float32(0.25 + 0.6 * min(severity, 1.2)) * slope


def dirty(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Something printed or lasered that has been through the works: oil, dust, scratches."""
    kind = rng.random()
    if kind < 0.45:
        scene = label(layout, rng, 0.6 * severity)
    elif kind < 0.75:
        scene = laser(layout, rng, 0.6 * severity)
    else:
        raster = Raster.of(layout)
        art = clutter.artwork(rng, raster, layout, severity, 1.2, quiet=True)
        ink = raster.view(marks.printed(rng, raster, art, 0.6 * severity), layout)
        white = np.array((0.9, 0.9, 0.88), np.float32)
        painted = surfaces.plastic(rng, shape_of(layout), 1.0)
        colour = white if float(painted.mean()) < 0.45 else np.array((0.06, 0.06, 0.07), np.float32)
        scene = blend(painted, colour, ink)
    scene = clutter.soil(rng, scene, severity * rng.uniform(0.5, 1.2))
    width = max(1.0, 0.1 * layout.pitch)
    scene = clutter.scratches(rng, scene, rng.poisson(9 * severity), width, light=True)
    scene = clutter.scratches(rng, scene, rng.poisson(5 * severity), width, light=False)
    veil = 1 - np.float32(0.25 * severity) * np.clip(fractal(rng, shape_of(layout), layout.size / 3, 2), 0, 1)
    result: np.ndarray = scene * rgb(veil)
    return result


def printed_anyhow(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Something printed, of any of the kinds above."""
    paint = (label, label, curved, crumpled, dirty)[rng.integers(5)]
    return paint(layout, rng, severity)
