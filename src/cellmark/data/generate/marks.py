"""How modules become a mark: printed ink, laser, and craters of a stylus. All work on the code plane."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.data.generate.clutter import artwork
from cellmark.data.generate.fields import fractal, grain
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.raster import Raster, offsets_from_texels, stamp


def printed(rng: np.random.Generator, raster: Raster, ink: np.ndarray, severity: float) -> np.ndarray:
    """Ink with soft corners, spread or shrunk, ragged edges, faded spots and a print head's dead lines.

    Args:
        rng: source of randomness.
        raster: the texture's scale.
        ink: float32 (side, side), 1 where the artwork is black.
        severity: strength of the faults.

    Returns:
        float32 (side, side), 0..1, how much ink there is.
    """
    shape = ink.shape[0], ink.shape[1]
    sigma = raster.scale * (0.08 + 0.1 * severity * rng.random())
    soft = cv2.GaussianBlur(ink, (0, 0), sigma)
    ragged = np.float32(0.09 * severity) * grain(rng, shape, max(raster.scale * 0.15, 0.6))
    growth = rng.normal(0, 0.03 + 0.16 * severity)
    alpha = np.clip((soft - np.float32(0.5 - np.clip(growth, -0.25, 0.25)) + ragged) * np.float32(3.5) + 0.5, 0, 1)
    if rng.random() < 0.5 * severity:
        worn = np.clip(fractal(rng, shape, raster.scale * rng.uniform(1.5, 5), 3) - np.float32(0.9), 0, 1)
        alpha *= 1 - np.minimum(worn * np.float32(1.2 * severity), 1)
    if rng.random() < 0.35 * severity:
        _dead_lines(rng, raster, alpha, severity)
    result: np.ndarray = alpha
    return result


def _dead_lines(rng: np.random.Generator, raster: Raster, alpha: np.ndarray, severity: float) -> None:
    """Thin unprinted lines of a thermal head, along the paper's way."""
    lines = np.ones(raster.side, np.float32)
    reach = int(raster.scale * 14)
    for _ in range(int(rng.integers(1, 5))):
        at = raster.side // 2 + int(rng.integers(-reach, reach))
        width = max(1, int(raster.scale * rng.uniform(0.1, 0.45)))
        lines[max(at, 0) : max(at, 0) + width] *= 1 - min(0.95, 0.9 * severity)
    alpha *= lines[None, :] if rng.random() < 0.5 else lines[:, None]


def lasered(rng: np.random.Generator, raster: Raster, ink: np.ndarray, severity: float) -> np.ndarray:
    """Laser passes: solid modules, separate squares, round spots or hatching; uneven as it gets worse.

    Returns:
        float32 (side, side), 0..1, how much the surface is changed.
    """
    shape = ink.shape[0], ink.shape[1]
    style = rng.integers(4) if severity > 0.15 else 0
    texture = ink
    if style == 1:
        texture = ink * _cell_mask(raster, np.float32(1.0 - 0.5 * min(severity, 1.0) * rng.random()), square=True)
    elif style == 2:
        texture = ink * _cell_mask(raster, np.float32(1.05 - 0.25 * min(severity, 1.0) * rng.random()), square=False)
    alpha = cv2.GaussianBlur(texture, (0, 0), raster.scale * rng.uniform(0.05, 0.12))
    if style == 3 and raster.scale >= 8:
        line = np.arange(raster.side, dtype=np.float32) * np.float32(2 * np.pi * rng.integers(2, 4) / raster.scale)
        hatch = 1 - np.float32(0.35 * min(severity, 1.0)) * (0.5 + 0.5 * np.cos(line))
        alpha *= hatch[None, :] if rng.random() < 0.5 else hatch[:, None]
    uneven = 1 + np.float32(0.16 * severity) * fractal(rng, shape, raster.scale * 4, 2)
    burnt = np.float32(0.12 * severity) * grain(rng, shape, max(raster.scale * 0.12, 0.5))
    return np.clip(alpha * (uneven + burnt), 0, 1.2)


def _cell_mask(raster: Raster, width: np.float32, square: bool) -> np.ndarray:
    """1 inside the middle part of every cell of the lattice, ``width`` modules wide."""
    line = np.abs((np.arange(raster.side, dtype=np.float32) + 0.5 - raster.side / 2) / raster.scale % 1 - 0.5)
    x, y = line[None, :], line[:, None]
    distance = np.maximum(x, y) if square else np.sqrt(x * x + y * y)
    result: np.ndarray = np.clip((width / 2 - distance) * raster.scale + np.float32(0.5), 0, 1)
    return result


@dataclass(frozen=True)
class Relief:
    """What craters do to the brightness, float32 (side, side) each.

    Attributes:
        shade: slope towards the light, positive on the bright side.
        depth: 0 on the surface, 1 at the bottom of a crater: it lies in shadow.
    """

    shade: np.ndarray
    depth: np.ndarray


def peened(rng: np.random.Generator, raster: Raster, layout: Layout, severity: float, light: float) -> Relief:
    """Craters with a raised rim at the marked cells: uneven, some faint, some missing.

    Args:
        rng: source of randomness.
        raster: the textures' scale.
        layout: where the codes lie; its offsets move the dots.
        severity: strength of the faults.
        light: direction towards the light on the plane, radians.
    """
    centres = np.concatenate([code.centres()[code.symbol.modules] for code in layout.placed])
    count = len(centres)
    half = int(np.ceil(0.85 * raster.scale))
    points, dx, dy = offsets_from_texels(raster, centres, half)
    mean = rng.uniform(0.56 - 0.28 * min(severity, 1.1), 0.57 - 0.07 * min(severity, 1.0))
    radius = (mean * (1 + rng.normal(0, 0.13 * severity, count))).clip(0.16, 0.6).astype(np.float32)[:, None, None]
    force = (1 + rng.normal(0, 0.25 * severity, count)).clip(0.3, 1.6)
    force *= rng.random(count) > 0.04 * severity
    power = force.astype(np.float32)[:, None, None]
    distance = np.sqrt(dx * dx + dy * dy)
    r = distance / radius
    bowl = np.exp(-(r**4) * np.float32(0.9))
    rim = np.exp(-((r - np.float32(1.18)) ** 2) * np.float32(22))
    outward = (np.cos(light) * dx + np.sin(light) * dy) / np.maximum(distance, 1e-3)
    wall = np.float32(3.6) * r**3 * bowl  # slope of the bowl: the wall away from the light faces it
    slope = power * outward.astype(np.float32) * (np.float32(12) * (r - np.float32(1.18)) * rim * 0.3 - wall * 0.55)
    shade, depth = _stamped(rng, raster, layout, severity, light)
    stamp(raster, shade, points, slope)
    stamp(raster, depth, points, power * bowl)
    return Relief(shade, np.minimum(depth, 1.3))


def _stamped(
    rng: np.random.Generator, raster: Raster, layout: Layout, severity: float, light: float
) -> tuple[np.ndarray, np.ndarray]:
    """Letters and lines beside the code, struck into the metal: shade and depth as in ``Relief``."""
    if rng.random() < 0.4:
        return raster.blank(), raster.blank()
    letters = artwork(rng, raster, layout, severity, 1.2, quiet=True) - raster.modules(layout)
    depth = cv2.GaussianBlur(letters, (0, 0), max(0.12 * raster.scale, 0.7))
    down, right = np.gradient(depth * np.float32(-0.25 * raster.scale))
    shade = np.float32(np.cos(light)) * right + np.float32(np.sin(light)) * down
    return shade, depth * np.float32(rng.uniform(0.4, 1.0))
