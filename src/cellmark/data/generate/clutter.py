"""What else is in the picture: text, lines and logos beside the code, machines behind it, dirt on it."""

import cv2
import numpy as np

from cellmark.data.generate.fields import Shape, fractal, grain, rgb
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.raster import Raster

LETTERS = "ABCDEFGHJKLMNPRSTUVXZ0123456789"
WORDS = (
    "LOT",
    "S/N",
    "REF",
    "EXP 2027-04",
    "MADE IN EU",
    "QTY 25",
    "REV C",
    "P/N",
    "CE",
    "DATE",
    "No.",
    "TYPE",
)
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_COMPLEX)


def artwork(
    rng: np.random.Generator, raster: Raster, layout: Layout, severity: float, density: float, quiet: bool
) -> np.ndarray:
    """The codes with text, logos and lines around them.

    Args:
        rng: source of randomness.
        raster: the texture's scale.
        layout: where the codes lie.
        severity: the greater, the closer the text comes.
        density: mean number of things beside each code.
        quiet: whether two modules of free space always stays around a code.

    Returns:
        float32 (side, side), 1 where marked.
    """
    canvas = np.zeros((raster.side, raster.side), np.uint8)
    left, top = -layout.extent
    right, bottom = layout.extent
    for _ in range(rng.poisson(density)):
        gap = 1.7 + rng.exponential(1.5) if rng.random() > 0.5 * severity else rng.uniform(0.1, 1.0)
        height = rng.uniform(1.6, 4.5) * (1 + 0.02 * float(layout.extent.max()))
        side = rng.integers(4)
        text = random_text(rng)
        if side < 2:
            at = (rng.uniform(left - 2, right - 2), top - gap - height if side else bottom + gap)
            _write(rng, raster, canvas, text, at, height, upright=True)
        else:
            at = (left - gap - height if side == 2 else right + gap, rng.uniform(top - 2, bottom - 2))
            _write(rng, raster, canvas, text, at, height, upright=rng.random() < 0.4)
    if rng.random() < 0.3 * density:
        _lines(rng, raster, canvas, layout, severity)
    if rng.random() < 0.25 * density:
        _logo(rng, raster, canvas, layout)
    texture = canvas.astype(np.float32) / np.float32(255)
    for code in layout.placed:
        texture[raster.box(code, 2 if quiet else 0)] = 0
    result: np.ndarray = np.maximum(texture, raster.modules(layout))
    return result


def random_text(rng: np.random.Generator) -> str:
    """A serial number, or a word and one."""
    serial = "".join(LETTERS[i] for i in rng.integers(len(LETTERS), size=int(rng.integers(3, 12))))
    return serial if rng.random() < 0.6 else f"{WORDS[rng.integers(len(WORDS))]} {serial[:6]}"


def _write(
    rng: np.random.Generator,
    raster: Raster,
    canvas: np.ndarray,
    text: str,
    at: tuple[float, float],
    height: float,
    upright: bool,
) -> None:
    """Writes with the top left corner at plane point ``at``, letters ``height`` modules high."""
    patch = lettering(rng, raster, text, height)
    paste(raster, canvas, patch if upright else np.rot90(patch), at)


def lettering(rng: np.random.Generator, raster: Raster, text: str, height: float) -> np.ndarray:
    """The text, ``height`` modules high, in some font: uint8 (H, W), 255 where marked."""
    pixels = height * raster.scale
    font = FONTS[rng.integers(len(FONTS))]
    scale = pixels / (11.0 if font == cv2.FONT_HERSHEY_PLAIN else 22.0)
    thick = max(1, round(pixels * rng.uniform(0.07, 0.16)))
    (width, tall), base = cv2.getTextSize(text, font, scale, thick)
    patch = np.zeros((tall + base + 2, width + 2), np.uint8)
    cv2.putText(patch, text, (1, tall), font, scale, 255, thick, cv2.LINE_AA)
    return patch


def captions(rng: np.random.Generator, raster: Raster, layout: Layout) -> np.ndarray:
    """A line of text close above the codes and one below, as parts are numbered; float32 (side, side)."""
    canvas = np.zeros((raster.side, raster.side), np.uint8)
    for sign in (-1, 1):
        if rng.random() < 0.25:
            continue
        height = rng.uniform(1.4, 3.2) * (1 + 0.02 * float(layout.extent.max()))
        patch = lettering(rng, raster, random_text(rng)[: int(rng.integers(3, 16))], height)
        tall, wide = (side / raster.scale for side in patch.shape)
        gap = float(layout.extent[1]) + rng.uniform(0.3, 2.0)
        paste(raster, canvas, patch, (-wide / 2 + rng.normal(0, 0.5), gap if sign > 0 else -gap - tall))
    return canvas.astype(np.float32) / np.float32(255)


def paste(raster: Raster, canvas: np.ndarray, patch: np.ndarray, at: tuple[float, float]) -> None:
    """Lays ``patch`` over ``canvas``, top left corner at plane point ``at``, where nothing is yet."""
    x, y = (round(raster.texel(c)) for c in at)
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + patch.shape[1], raster.side), min(y + patch.shape[0], raster.side)
    target = canvas[y0:y1, x0:x1]
    if x0 < x1 and y0 < y1 and not target.any():
        np.maximum(target, patch[y0 - y : y1 - y, x0 - x : x1 - x], out=target)


def _lines(rng: np.random.Generator, raster: Raster, canvas: np.ndarray, layout: Layout, severity: float) -> None:
    """A frame around the code, or rules above and below it."""
    gap = rng.uniform(1.2, 4.0) if rng.random() > 0.4 * severity else rng.uniform(0.4, 1.2)
    low = [round(raster.texel(-float(side) - gap)) for side in layout.extent]
    high = [round(raster.texel(float(side) + gap)) for side in layout.extent]
    thick = max(1, int(raster.scale * rng.uniform(0.12, 0.6)))
    if rng.random() < 0.5:
        cv2.rectangle(canvas, low, high, 255, thick)
    else:
        for y in (low[1], high[1]):
            cv2.line(canvas, (0, y), (raster.side, y), 255, thick)


def _logo(rng: np.random.Generator, raster: Raster, canvas: np.ndarray, layout: Layout) -> None:
    """A ring, a filled triangle or a bar code."""
    size = float(rng.uniform(3, 7))
    angle = rng.uniform(0, 2 * np.pi)
    away = float(layout.extent.max()) + size
    centre = [round(raster.texel(away * 1.1 * float(f(angle)))) for f in (np.cos, np.sin)]
    pixels = int(size * raster.scale * 0.5)
    kind = rng.integers(3)
    if kind == 0:
        cv2.circle(canvas, centre, pixels, 255, max(1, pixels // 5), cv2.LINE_AA)
        cv2.circle(canvas, centre, pixels // 2, 255, -1, cv2.LINE_AA)
    elif kind == 1:
        turns = angle + np.array([0, 2.1, 4.2])
        points = np.stack([np.cos(turns), np.sin(turns)], axis=1) * pixels + centre
        cv2.fillPoly(canvas, [points.astype(np.int32)], 255, cv2.LINE_AA)
    else:
        bars = np.repeat((rng.random(40) < 0.5).astype(np.uint8) * 255, max(1, raster.scale // 3))
        patch = np.tile(bars, (max(2, pixels), 1))
        paste(
            raster,
            canvas,
            patch,
            ((centre[0] - raster.side / 2) / raster.scale, (centre[1] - raster.side / 2) / raster.scale),
        )


def machine(rng: np.random.Generator, shape: Shape, dark: bool) -> np.ndarray:
    """An unsharp background of parts, edges and lights, float32 (H, W, 3)."""
    level = rng.uniform(10, 60) if dark else rng.uniform(60, 190)
    tint = rng.normal(1, 0.08, 3)
    scene = np.full((*shape, 3), (level * tint).clip(0, 255), np.uint8)
    side = max(shape)
    for _ in range(int(rng.integers(2, 7))):
        colour = tuple(float(c) for c in (rng.uniform(0.3, 2.0) * level * rng.normal(1, 0.1, 3)).clip(3, 240))
        start, end = (tuple(int(v) for v in rng.integers(-side // 4, side + side // 4, 2)) for _ in range(2))
        kind = rng.integers(3)
        if kind == 0:
            cv2.rectangle(scene, start, end, colour, -1)
        elif kind == 1:
            cv2.circle(scene, start, int(rng.integers(side // 12, side // 3)), colour, int(rng.choice([-1, 4, 9])))
        else:
            cv2.line(scene, start, end, colour, int(rng.integers(1, max(2, side // 10))))
    blurred = cv2.GaussianBlur(scene, (0, 0), rng.choice([0.7, 2.0, 5.0])).astype(np.float32) / np.float32(255)
    result: np.ndarray = blurred * rgb(1 + 0.06 * fractal(rng, shape, side / 4, 3) + 0.03 * grain(rng, shape, 0.6))
    return result


def soil(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Oil, dust and smears over the picture."""
    shape = image.shape[0], image.shape[1]
    field = fractal(rng, shape, shape[0] / rng.uniform(4, 9), 5, 0.65)
    cover = np.clip((field - np.float32(1.25 - 0.6 * strength)) * np.float32(1.6), 0, 1)
    cover *= np.float32(min(0.85, 0.35 + 0.4 * strength * rng.random()))
    dirt = np.array(((0.16, 0.13, 0.10), (0.30, 0.24, 0.17), (0.55, 0.52, 0.46))[rng.integers(3)], np.float32)
    specks = rgb(np.clip(grain(rng, shape, 0.9) - np.float32(3.3 - 0.7 * strength), 0, 1))
    cover = rgb(cover)
    result: np.ndarray = (image * (1 - cover) + dirt * cover) * (1 - np.minimum(specks * 2, 0.8))
    return result


def scratches(rng: np.random.Generator, image: np.ndarray, count: int, width: float, light: bool) -> np.ndarray:
    """Thin bright or dark arcs; ``width`` in pixels."""
    mask = np.zeros(image.shape[:2], np.uint8)
    size = image.shape[0]
    for _ in range(count):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        steps = np.linspace(0, rng.uniform(0.1, 0.9) * size, 12)
        turn = angle + steps * rng.normal(0, 0.004)
        points = start + np.stack([np.cos(turn), np.sin(turn)], axis=1) * steps[:, None]
        thick = max(1, round(width * rng.uniform(0.5, 1.5)))
        cv2.polylines(
            mask,
            [np.rint(points * 8).astype(np.int32)],
            False,
            int(rng.integers(90, 230)),
            thick,
            cv2.LINE_AA,
            3,
        )
    alpha = rgb(mask.astype(np.float32) / np.float32(255))
    result: np.ndarray = image + alpha * np.float32(0.5) if light else image * (1 - np.float32(0.75) * alpha)
    return result


def cover(rng: np.random.Generator, image: np.ndarray, layout: Layout, strength: float) -> np.ndarray:
    """Something that lies over a corner or an edge of a code: tape, a drop, a stain, a torn flap."""
    centres = np.concatenate([c.reshape(-1, 2) for c in layout.centres])
    at = centres[rng.integers(len(centres))]
    radius = layout.pitch * rng.uniform(0.8, 1.5 + 2.5 * strength)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 9))
    points = at + np.stack([np.cos(turns), np.sin(turns)], axis=1) * (radius * rng.uniform(0.5, 1.2, (9, 1)))
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 0.25 * layout.pitch + 0.6)).astype(np.float32)
    alpha = rgb(soft * np.float32(rng.uniform(0.6, 1.0) / 255))
    colour = (np.float32(rng.uniform(0.05, 0.9)) * rng.normal(1, 0.06, 3)).astype(np.float32)
    result: np.ndarray = image * (1 - alpha) + colour * alpha
    return result
