"""Captioned pictures in columns, to be drawn on a sheet or laid out on a page."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.viz.sheet import contact_sheet

READABLE = 512  # pixels, longer side to which pictures are shrunk before many of them are kept
_BLANK = np.full((1, 1, 3), 255, np.uint8)


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Attributes:
        image: uint8 (H, W, 3) RGB; None leaves its place empty.
        caption: a line below it.
        alt: what it shows, for those who cannot see it.
    """

    image: np.ndarray | None
    caption: str = ""
    alt: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures in the order of reading.

    Attributes:
        folder: whose pictures they are; empty for those of several folders.
        title: a line above them.
        note: what they show, in a sentence or two.
        pictures: row by row.
        columns: pictures in a row.
        tile: side of each in pixels.
        rows: the pictures of a row belong together, so that rows may not be broken on a narrow page.
    """

    folder: str
    title: str
    note: str
    pictures: Sequence[Picture]
    columns: int
    tile: int
    rows: bool = False

    def sheet(self) -> np.ndarray:
        """All pictures on one uint8 RGB sheet, see `contact_sheet`."""
        images = [_BLANK if picture.image is None else picture.image for picture in self.pictures]
        captions = [picture.caption for picture in self.pictures]
        title = f"{self.folder}: {self.title}" if self.folder else self.title
        return contact_sheet(images, self.columns, self.tile, captions, title)


def shrunk(image: np.ndarray, side: int = READABLE) -> np.ndarray:
    """A uint8 (H, W, 3) picture, made smaller so that its longer side has at most ``side`` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
