"""What the marks are made on: metals, paper, plastic, card. Surfaces are float32 (H, W, 3), about 0..1."""

import cv2
import numpy as np

from cellmark.data.generate.fields import Shape, fractal, grain, profile, rgb, smooth, streaks, unit
from cellmark.data.generate.layout import Layout

STEELS = ((0.62, 0.62, 0.63), (0.55, 0.56, 0.58), (0.66, 0.64, 0.60), (0.70, 0.70, 0.70), (0.45, 0.46, 0.48))
BRASSES = ((0.72, 0.58, 0.36), (0.66, 0.52, 0.34), (0.68, 0.45, 0.34))
ANODISED = (
    (0.08, 0.08, 0.10),
    (0.10, 0.13, 0.24),
    (0.25, 0.06, 0.06),
    (0.13, 0.13, 0.13),
    (0.06, 0.10, 0.09),
)
PLASTICS = (
    (0.10, 0.10, 0.11),
    (0.16, 0.20, 0.30),
    (0.80, 0.80, 0.77),
    (0.55, 0.12, 0.10),
    (0.20, 0.34, 0.24),
)
PAPERS = ((0.95, 0.95, 0.95), (0.92, 0.93, 0.95), (0.94, 0.92, 0.86), (0.88, 0.88, 0.87), (0.93, 0.89, 0.74))


def pick(rng: np.random.Generator, colours: tuple[tuple[float, float, float], ...], spread: float = 0.05) -> np.ndarray:
    """One of the colours, float32 (3,), a little lighter or darker than it stands there."""
    colour = np.array(colours[rng.integers(len(colours))], np.float32)
    result: np.ndarray = np.clip(colour * np.float32(rng.uniform(1 - 3 * spread, 1 + 3 * spread)), 0.02, 0.98)
    return result


def coloured(grey: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A relative brightness (H, W), 1 on average, in one colour: (H, W, 3)."""
    result: np.ndarray = cv2.merge([grey * channel for channel in colour.astype(np.float32)])
    return result


def brushed(rng: np.random.Generator, shape: Shape, strength: float) -> np.ndarray:
    """Brushed or rolled sheet: streaks, some of them deep, and a little grain."""
    angle = rng.uniform(0, np.pi)
    lines = streaks(rng, shape, rng.uniform(15, 60), angle)
    deep = np.minimum(lines + np.float32(1.6), 0)
    grey = 1 + np.float32(strength) * (0.09 * lines + 0.16 * deep + 0.05 * grain(rng, shape, 0.5))
    return coloured(grey, pick(rng, STEELS))


def lit_bumps(height: np.ndarray, angle: float) -> np.ndarray:
    """Brightness change of a rough surface lit from one side: its slope along the light, deviation 1."""
    slope = np.float32(np.cos(angle)) * (np.roll(height, 1, 1) - np.roll(height, -1, 1))
    slope += np.float32(np.sin(angle)) * (np.roll(height, 1, 0) - np.roll(height, -1, 0))
    return unit(slope)


def cast(rng: np.random.Generator, shape: Shape, strength: float, size: float, light: float) -> np.ndarray:
    """Cast or forged skin: lumps as large as ``size`` pixels, lit from ``light`` radians."""
    bumps = lit_bumps(fractal(rng, shape, size, 3, 0.7), light)
    pits = np.minimum(smooth(rng, shape, size * 0.8) + np.float32(1.7), 0)
    grey = 1 + np.float32(strength) * (0.15 * bumps + 0.3 * pits) + 0.05 * fractal(rng, shape, 60)
    return coloured(grey, pick(rng, STEELS, 0.08) * np.float32(0.85))


def blasted(rng: np.random.Generator, shape: Shape, strength: float, size: float) -> np.ndarray:
    """Bead-blasted metal: fine bright sparkle."""
    sparkle = grain(rng, shape, max(size * 0.3, 0.45))
    grey = 1 + np.float32(strength) * 0.18 * sparkle + 0.04 * smooth(rng, shape, 50)
    return coloured(grey, pick(rng, STEELS))


def corroded(rng: np.random.Generator, shape: Shape, strength: float, size: float, light: float) -> np.ndarray:
    """Steel with rust: brown patches, rougher than the metal between them."""
    base = cast(rng, shape, strength, size, light)
    rust = np.clip(fractal(rng, shape, shape[0] / 5, 5, 0.62) - np.float32(0.9 - 0.6 * min(strength, 1.3)), 0, 1)
    brown = coloured(1 + 0.25 * fractal(rng, shape, 6, 2), np.array((0.38, 0.24, 0.15)))
    cover = rgb(np.minimum(rust * 1.4, 0.85))
    result: np.ndarray = base * (1 - cover) + brown * cover
    return result


def machined(
    rng: np.random.Generator, layout: Layout, strength: float, colour: np.ndarray, along: bool = False
) -> np.ndarray:
    """Milled, turned or ground metal: grooves, straight or in arcs, in the plane's own perspective.

    Args:
        rng: source of randomness.
        layout: what is seen of the plane.
        strength: how strong the grooves are.
        colour: float32 (3,).
        along: whether grooves on a cylinder run along its axis, as drawn or ground, not around it, as turned.
    """
    x, y = layout.seen.x, layout.seen.y
    angle = rng.uniform(0, 2 * np.pi)
    span = np.float32(max(float(layout.extent.max()), 6.0))
    cylinder = layout.surface.cylinder
    if cylinder is not None and along:
        across = np.float32(np.cos(cylinder.angle)) * x + np.float32(np.sin(cylinder.angle)) * y
    elif cylinder is not None:  # turned on a lathe: the grooves run around the axis
        across = np.float32(np.cos(cylinder.angle)) * y - np.float32(np.sin(cylinder.angle)) * x
    elif rng.random() < 0.5:
        cx, cy = span * 3 * np.float32(np.cos(angle)), span * 3 * np.float32(np.sin(angle))
        across = np.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    else:
        across = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    across = np.clip(across, -8 * span, 12 * span) * np.float32(layout.pitch)
    fine = profile(rng, across, rng.uniform(0.7, 2.0))
    feed = np.float32(2 * np.pi / rng.uniform(3.5, 14))  # a tool's marks repeat with each turn, not quite evenly
    coarse = np.cos(feed * across + np.float32(rng.uniform(0.2, 1.5)) * profile(rng, across, 30))
    shape = x.shape
    grey = (
        1
        + np.float32(strength) * (0.08 * fine + np.float32(rng.uniform(0, 0.12)) * coarse)
        + 0.03 * grain(rng, shape, 0.5)
    )
    return coloured(grey, colour)


def grainy(rng: np.random.Generator, layout: Layout, strength: float, colour: np.ndarray) -> np.ndarray:
    """Ground or blasted metal under a hard light: each grain as large as a third of a dot, faint arcs of a tool."""
    bright = np.float32(rng.uniform(0.85, 1.45))
    base = machined(rng, layout, strength * rng.uniform(0.1, 0.9), colour * bright)
    shape = layout.size, layout.size
    size = max(layout.pitch * rng.uniform(0.05, 0.2), 0.35)
    grains = grain(rng, shape, size) + np.float32(0.35) * grain(rng, shape, 2 * size)
    result: np.ndarray = base * rgb(np.maximum(1 + np.float32(strength * 0.2) * grains, np.float32(0.1)))
    return result


def heat_tints(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Straw, purple and blue bands of welded or burnt steel, laid over ``image``."""
    shape = image.shape[:2]
    heat = fractal(rng, (shape[0], shape[1]), shape[0] / 2.5, 2)
    phase = heat * np.float32(2.2) + np.float32(rng.uniform(0, 6))
    tint = cv2.merge([0.5 + 0.5 * np.cos(phase - shift) for shift in (0.0, 0.9, 2.2)])
    mask = np.clip(smooth(rng, (shape[0], shape[1]), shape[0] / 2) + 0.3, 0, 1) * np.float32(strength)
    cover = rgb(mask)
    result: np.ndarray = image * (1 - cover + cover * (0.45 + 0.75 * tint))
    return result


def paper(rng: np.random.Generator, shape: Shape, strength: float) -> np.ndarray:
    """A label: almost white, fibres, slightly uneven."""
    grey = 1 + 0.008 * grain(rng, shape, 0.7) + np.float32(0.025 * strength) * fractal(rng, shape, shape[0] / 3, 3)
    return coloured(grey, pick(rng, PAPERS, 0.02))


def plastic(rng: np.random.Generator, shape: Shape, strength: float) -> np.ndarray:
    """Moulded or painted: one colour, orange peel, dust."""
    dust = np.clip(grain(rng, shape, 0.6) - np.float32(3.0), 0, 1)
    grey = 1 + np.float32(0.03 + 0.03 * strength) * fractal(rng, shape, 4, 2) + np.float32(0.6 * strength) * dust
    return coloured(grey, pick(rng, PLASTICS))


def card(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Corrugated card: brown, faint ribs."""
    grey = 1 + 0.04 * streaks(rng, shape, 25, rng.uniform(0, np.pi)) + 0.03 * grain(rng, shape, 0.7)
    return coloured(grey, np.array((0.68, 0.54, 0.39), np.float32) * np.float32(rng.uniform(0.8, 1.1)))
