"""What was read, drawn over its picture: outline, cells and text of every code."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cellmark.coordinates import resize_points
from cellmark.reading.code import Code
from cellmark.viz.font import sans
from cellmark.viz.overlay import draw_cells, enlargement

OUTLINE = (30, 190, 80)
NOTHING = "nothing read"
LETTERS = 40  # longest text that is written in full
_INK, _GROUND = (255, 255, 255), (25, 25, 25)
_FONT_SHARE, _LINE_SHARE = 1 / 36, 1 / 320  # of the longer side: height of letters, width of lines
_SHIFT = 4  # binary digits behind the point in OpenCV's coordinates


class Box(NamedTuple):
    """A rectangle in pixels, right and lower sides outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    def overlaps(self, other: "Box") -> bool:
        """Whether they share a pixel."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def draw_codes(image: np.ndarray, codes: Sequence[Code]) -> np.ndarray:
    """Draws the codes of a picture: black cells red, white cells blue, the text above or below the outline.

    Args:
        image: uint8 (H, W, 3) RGB; it is not changed.
        codes: in its pixels. Those of the classical reader have no cells.

    Returns:
        uint8 RGB, enlarged like ``overlay.draw_cells`` does where the picture is small.
    """
    scale = enlargement(image)
    canvas = draw_cells(image, np.empty((0, 2)), np.empty(0), scale=scale)
    for code in codes:
        if code.cells is not None and code.grid is not None:
            places = resize_points(code.cells.reshape(-1, 2), (scale, scale))
            canvas = draw_cells(canvas, places, np.where(code.grid, 0, 1).reshape(-1), scale=1)
    outlines = [resize_points(np.asarray(code.corners, float), (scale, scale)) for code in codes]
    width = max(1, round(_LINE_SHARE * max(canvas.shape[:2])))
    for outline in outlines:
        corners = np.round(outline * 2**_SHIFT).astype(np.int32)
        cv2.polylines(canvas, [corners], True, OUTLINE, width, cv2.LINE_AA, _SHIFT)
    return _labelled(canvas, [code.text for code in codes], outlines)


def shortened(text: str, longest: int = LETTERS) -> str:
    """A text as one line of at most so many letters: what cannot be drawn becomes a point, the middle is left out."""
    shown = "".join(letter if letter.isprintable() else "\N{MIDDLE DOT}" for letter in text)
    if len(shown) <= longest:
        return shown
    kept = longest - 3
    return f"{shown[: kept - kept // 2]}...{shown[len(shown) - kept // 2 :]}"


def _labelled(canvas: np.ndarray, texts: Sequence[str], outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Writes each text near its outline, or that there is none."""
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    height, width = canvas.shape[:2]
    font = sans(max(12, round(_FONT_SHARE * max(height, width))))
    taken: list[Box] = []
    for text, outline in zip(texts, outlines, strict=True):
        shown, size = _fitted(draw, shortened(text), font, width)
        box = _place(size, outline, (height, width), taken)
        taken.append(box)
        _write(draw, box, shown, font)
    if not texts:
        shown, size = _fitted(draw, NOTHING, font, width)
        _write(draw, Box(0, 0, *size), shown, font)
    return np.array(picture)


def _fitted(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont, widest: int
) -> tuple[str, tuple[int, int]]:
    """The text, shortened until it fits, and the width and height of its label."""
    margin = round(0.3 * font.size)
    longest = len(text)
    while longest > 5 and draw.textlength(text, font=font) + 2 * margin > widest:
        longest -= 1
        text = shortened(text, longest)
    ascent, descent = font.getmetrics()
    return text, (round(draw.textlength(text, font=font)) + 2 * margin, ascent + descent + margin)


def _place(size: tuple[int, int], outline: np.ndarray, frame: tuple[int, int], taken: Sequence[Box]) -> Box:
    """Where a label goes: above, below or inside its code, within the picture, on no other label if that can be."""
    (left, top), (_, bottom) = outline.min(axis=0), outline.max(axis=0)
    gap = size[1] // 4
    x = round(float(np.clip(left, 0, max(0, frame[1] - size[0]))))
    boxes = []
    for y in (top - size[1] - gap, bottom + gap, top + gap, (top + bottom - size[1]) / 2):
        inside = round(float(np.clip(y, 0, max(0, frame[0] - size[1]))))
        boxes.append((abs(inside - y) > 1, Box(x, inside, x + size[0], inside + size[1])))
    free = [box for moved, box in boxes if not moved and not any(box.overlaps(other) for other in taken)]
    return free[0] if free else boxes[-1][1]


def _write(draw: ImageDraw.ImageDraw, box: Box, text: str, font: ImageFont.FreeTypeFont) -> None:
    draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=_GROUND)
    margin = round(0.3 * font.size)
    draw.text((box.left + margin, box.top + margin // 2), text, fill=_INK, font=font)
