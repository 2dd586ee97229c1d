"""Cells drawn as dots over their picture."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import cKDTree

from cellmark.coordinates import resize_points

Colour = tuple[int, int, int]

CELL_COLOURS: tuple[Colour, ...] = (
    (230, 40, 40),  # class 0: black cells
    (40, 90, 240),  # class 1: white cells
    (30, 170, 70),
    (240, 160, 20),
    (160, 60, 200),
    (20, 180, 190),
)
_COLOUR_NAMES = ("red", "blue", "green", "orange", "purple", "turquoise")
_OUTLINE: Colour = (245, 245, 245)
_READABLE = 512  # pixels of the longer side below which a picture is enlarged
_RADIUS_OF_PITCH = 0.22
_RADIUS_ALONE = 4.0  # pixels, where no neighbour tells the pitch
_SMALLEST_RADIUS = 1.5
_LARGEST_SHARE = 1 / 40  # of the longer side, for points that lie far apart


def draw_cells(
    image: np.ndarray,
    points: np.ndarray,
    labels: np.ndarray,
    *,
    scale: int | None = None,
    colors: Sequence[Colour] = CELL_COLOURS,
) -> np.ndarray:
    """Draws a small dot with a thin light outline at every cell, at its sub-pixel place.

    Args:
        image: uint8 (H, W, 3) RGB; it is not changed.
        points: (N, 2) x, y in pixels of ``image``.
        labels: (N,) class of each point; negative ones (padding, not labelled) are not drawn.
        scale: how many times to enlarge the picture; by default as often as its longer side needs for 512 px.
        colors: RGB of each class, used in turn when there are more classes.

    Returns:
        uint8 (H * scale, W * scale, 3) RGB.
    """
    scale = enlargement(image) if scale is None else scale
    height, width = image.shape[:2]
    canvas = image.copy()
    if scale != 1:
        canvas = cv2.resize(image, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    drawn = np.asarray(labels).reshape(-1) >= 0
    places = resize_points(np.asarray(points, np.float64).reshape(-1, 2)[drawn], (scale, scale))
    radius = min(dot_radius(places), max(_SMALLEST_RADIUS, _LARGEST_SHARE * max(canvas.shape[:2])))
    outline = max(1.0, 0.3 * radius)
    for place in places:
        _disc(canvas, place, radius + outline, _OUTLINE)
    for place, label in zip(places, np.asarray(labels).reshape(-1)[drawn].tolist(), strict=True):
        _disc(canvas, place, radius, colors[label % len(colors)])
    return canvas


def legend(classes: Sequence[str]) -> str:
    """What the colours of the dots mean, in words: red: black, blue: white."""
    names = (_COLOUR_NAMES[index % len(_COLOUR_NAMES)] for index in range(len(classes)))
    return ", ".join(f"{colour}: {name}" for colour, name in zip(names, classes, strict=True))


def enlargement(image: np.ndarray) -> int:
    """How many times to enlarge a picture (H, W, ...) so that dots on it can be told apart."""
    longer: int = max(image.shape[:2])
    return max(1, -(-_READABLE // longer))


def dot_radius(points: np.ndarray) -> float:
    """Radius in pixels of the dots for (N, 2) points, from the median distance to the nearest neighbour."""
    if len(points) < 2:
        return _RADIUS_ALONE
    pitch = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
    return max(_SMALLEST_RADIUS, _RADIUS_OF_PITCH * pitch)


def _disc(canvas: np.ndarray, centre: np.ndarray, radius: float, colour: Colour) -> None:
    """An antialiased disc, in place; OpenCV's own would be off by up to 0.15 px."""
    height, width = canvas.shape[:2]
    x, y = np.clip(centre, -1e6, 1e6).tolist()
    left, right = max(0, math.floor(x - radius - 1)), min(width, math.ceil(x + radius + 2))
    top, bottom = max(0, math.floor(y - radius - 1)), min(height, math.ceil(y + radius + 2))
    if left >= right or top >= bottom:
        return
    distance = np.hypot(np.arange(left, right) - x, np.arange(top, bottom)[:, None] - y)
    cover = np.clip(radius + 0.5 - distance, 0, 1)[..., None]
    window = canvas[top:bottom, left:right]
    window[:] = np.round(window * (1 - cover) + np.array(colour) * cover).astype(np.uint8)
