"""What a computer drew: flat colours, few pixels for a module, then enlarged; on plain or busy ground."""

import cv2
import numpy as np

from cellmark.data.generate import clutter
from cellmark.data.generate.fields import fractal, grain, rgb
from cellmark.data.generate.layout import Layout
from cellmark.data.generate.optics import ENLARGED_BY
from cellmark.data.generate.paint import blend, shape_of, sheet
from cellmark.data.generate.raster import Raster

LUMINANCE = np.array((0.299, 0.587, 0.114))  # ITU-R BT.601
LEAST_CONTRAST = 0.2


def drawn_ink(rng: np.random.Generator, layout: Layout, severity: float) -> np.ndarray:
    """The artwork at 1 to 8 pixels for a module, with faults of those pixels, enlarged: (size, size), 0..1."""
    pixels = int(rng.choice((1, 2, 3, 4, 5, 6, 8), p=(0.14, 0.2, 0.17, 0.17, 0.12, 0.1, 0.1)))
    pixels = min(pixels, max(1, int(layout.pitch)))
    like = Raster.of(layout)
    modules = 2 * int(np.ceil(like.side / like.scale / 2))
    native = Raster(modules * pixels, pixels)
    ink = clutter.artwork(
        rng, native, layout, severity, 1.4 if pixels > 2 else 0.4, rng.random() > 0.3 + 0.3 * severity
    )
    if pixels >= 3 and rng.random() < 0.12 * severity:  # a pixel more on each side, or one less
        change = cv2.dilate if rng.random() < 0.65 or pixels == 3 else cv2.erode
        ink = change(ink, np.ones((3, 3), np.uint8))
    fine = Raster(
        modules * pixels * max(1, round(layout.pitch / pixels)), pixels * max(1, round(layout.pitch / pixels))
    )
    method = ENLARGED_BY[rng.integers(len(ENLARGED_BY))]
    large = cv2.resize(ink, (fine.side, fine.side), interpolation=method)
    if rng.random() < 0.25 * severity:
        large = _ragged(rng, large, fine.scale, severity)
    result: np.ndarray = np.clip(fine.view(large, layout), 0, 1)
    return result


def _ragged(rng: np.random.Generator, ink: np.ndarray, scale: int, severity: float) -> np.ndarray:
    """Cut off at a threshold, as a fax or a scanner does: blobs that join, nibbled edges, grown or shrunk ink."""
    soft = cv2.GaussianBlur(ink, (0, 0), scale * rng.uniform(0.12, 0.3))
    noise = np.float32(0.05 + 0.1 * severity) * grain(rng, (ink.shape[0], ink.shape[1]), max(0.2 * scale, 0.5))
    level = 0.5 - np.clip(rng.normal(0.04, 0.09), -0.18, 0.2)
    result: np.ndarray = np.clip((soft + noise - np.float32(level)) * 8 + np.float32(0.5), 0, 1)
    return result


def colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Ink and paper: black on white most often, else any two colours that an eye tells apart."""
    kind = rng.random()
    if kind < 0.45:
        return np.full(3, rng.uniform(0, 0.12)), np.full(3, rng.uniform(0.88, 1.0))
    if kind < 0.6:
        return np.full(3, rng.uniform(0.8, 1.0)), np.full(3, rng.uniform(0.0, 0.2))
    while True:
        first, second = (_hue(rng) if rng.random() < 0.75 else np.full(3, float(rng.integers(2))) for _ in range(2))
        if abs(float(LUMINANCE @ (first - second))) > LEAST_CONTRAST:
            dark_first = LUMINANCE @ first < LUMINANCE @ second
            return (first, second) if dark_first or rng.random() < 0.35 else (second, first)


def _hue(rng: np.random.Generator) -> np.ndarray:
    """A colour, from pure to pale or deep."""
    if rng.random() < 0.4:
        return rng.integers(0, 2, 3).astype(np.float64)
    return rng.random(3)


def busy(rng: np.random.Generator, layout: Layout, paper: np.ndarray) -> np.ndarray:
    """A picture behind the code: shapes, a gradient, clouds of colour or a page of text; float32 (H, W, 3)."""
    shape, size = shape_of(layout), layout.size
    kind = rng.integers(4)
    if kind == 0:
        return clutter.machine(rng, shape, dark=rng.random() < 0.5)
    if kind == 1:
        channels = [0.5 + 0.25 * fractal(rng, shape, size / rng.uniform(2, 12), 4, 0.6) for _ in range(3)]
        return np.clip(cv2.merge(channels), 0, 1)
    page = np.full((*shape, 3), paper.clip(0, 1) * 255, np.uint8)
    if kind == 2:
        for _ in range(int(rng.integers(3, 12))):
            colour = tuple(float(c) for c in _hue(rng) * 255)
            start, end = (tuple(int(v) for v in rng.integers(-size // 6, size + size // 6, 2)) for _ in range(2))
            if rng.random() < 0.5:
                cv2.rectangle(page, start, end, colour, -1)
            else:
                cv2.circle(page, start, int(rng.integers(size // 16, size // 3)), colour, int(rng.choice([-1, 3, 12])))
    else:
        tall = int(rng.integers(8, 26))
        for y in range(tall, size + tall, int(tall * 1.6)):
            text = " ".join(clutter.random_text(rng) for _ in range(5))
            cv2.putText(
                page, text, (int(rng.integers(-20, 12)), y), int(rng.integers(4)), tall / 24, (30, 30, 35), 1, 16
            )
    return page.astype(np.float32) / np.float32(255)


def rendered(layout: Layout, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A code that a computer drew, in flat colours, on its plate or right on the ground."""
    ink, paper = colours(rng)
    drawn = drawn_ink(rng, layout, severity)
    flat = np.empty((*shape_of(layout), 3), np.float32)
    flat[:] = paper
    kind = rng.random()
    plain = paper if kind < 0.7 else _hue(rng)
    ground = busy(rng, layout, plain) if rng.random() < 0.4 else np.full_like(flat, plain.astype(np.float32))
    if kind < 0.55:
        plate = flat
    else:
        margin = 0.0 if rng.random() < 0.3 else rng.uniform(0.4, 4.0)
        plate = blend(ground, flat, sheet(layout, rng, margin, 0.0 if rng.random() < 0.6 else 0.3))
        if margin >= 0.5 and rng.random() < 0.25:  # a frame of ink around the plate
            drawn = np.maximum(drawn, _frame(rng, layout, margin))
    scene = blend(plate, ink.astype(np.float32), drawn)
    if rng.random() < 0.4 * severity:
        scene = scene + rgb(np.float32(0.05) * fractal(rng, shape_of(layout), layout.size / 3, 2))
    result: np.ndarray = scene
    return result


def _frame(rng: np.random.Generator, layout: Layout, margin: float) -> np.ndarray:
    """A line around the codes, right where the quiet zone ends: float32 (H, W)."""
    width = rng.uniform(0.3, 1.0)
    away = [
        np.abs(c) - np.float32(e + margin) for c, e in zip((layout.seen.x, layout.seen.y), layout.extent, strict=True)
    ]
    outside = np.maximum(*away)
    inner = np.clip(outside * np.float32(layout.pitch) + np.float32(0.5), 0, 1)
    outer = np.clip((np.float32(width) - outside) * np.float32(layout.pitch) + np.float32(0.5), 0, 1)
    result: np.ndarray = inner * outer
    return result
