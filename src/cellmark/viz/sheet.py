"""Many pictures on one sheet."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from cellmark.viz.font import sans

_PAPER, _INK, _TILE_GROUND = (255, 255, 255), (30, 30, 30), (225, 225, 225)
_GAP = 8  # pixels between tiles and around them
_CAPTION_PX, _TITLE_PX = 14, 22  # height of the letters


def contact_sheet(
    images: Sequence[np.ndarray],
    columns: int,
    tile: int,
    captions: Sequence[str] | None = None,
    title: str | None = None,
) -> np.ndarray:
    """Lays pictures out in rows of equal square tiles, each shrunk or enlarged to fit without distortion.

    Args:
        images: uint8 (H, W, 3) RGB pictures of any sizes.
        columns: tiles in a row.
        tile: side of a tile in pixels.
        captions: a line below each picture, cut to the tile's width; as many as ``images``.
        title: a line above them all.

    Returns:
        uint8 RGB sheet; only its margins and title when there are no pictures.
    """
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(captions)} captions for {len(images)} images")
    top = _GAP + (_TITLE_PX + 2 * _GAP if title else 0)
    row_height = tile + _GAP + (_CAPTION_PX + _GAP if captions else 0)
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (_GAP + columns * (tile + _GAP), top + rows * row_height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        _write(draw, (_GAP, _GAP), title, _TITLE_PX, sheet.width - 2 * _GAP)
    for index, image in enumerate(images):
        left, upper = _GAP + index % columns * (tile + _GAP), top + index // columns * row_height
        sheet.paste(Image.fromarray(letterbox(image, tile)), (left, upper))
        if captions:
            _write(draw, (left, upper + tile + _GAP // 2), captions[index], _CAPTION_PX, tile)
    return np.array(sheet)


def letterbox(image: np.ndarray, side: int) -> np.ndarray:
    """Fits a uint8 (H, W, 3) picture into a square of ``side`` pixels, centred on a grey ground."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    square = np.full((side, side, 3), _TILE_GROUND, np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=interpolation)
    return square


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, pixels: int, width: int) -> None:
    """Writes a line of text, its end replaced by dots where it is wider than ``width``."""
    font = sans(pixels)
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    shown = text
    while text and draw.textlength(shown, font=font) > width:
        text = text[:-1]
        shown = f"{text}..."
    draw.text(place, shown, fill=_INK, font=font)
