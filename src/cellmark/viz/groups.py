"""Images of groups, to see at a glance whether those of a group look alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellmark.data.selection import evenly
from cellmark.viz.gallery import Gallery, Picture, shrunk

TILE, COLUMNS = 176, 8
MOST = 96  # images of a group that are worth looking at


@dataclass(frozen=True)
class Shown:
    """Some images of a group.

    Attributes:
        name: of the group.
        names: of the images.
        tiles: the images, uint8 (H, W, 3) RGB; `tile` makes them small.
        total: number of all images of the group.
    """

    name: str
    names: Sequence[str]
    tiles: Sequence[np.ndarray]
    total: int


def tile(image: np.ndarray) -> np.ndarray:
    """A uint8 (H, W, 3) picture, made so small that many can be kept."""
    return shrunk(image, TILE)


def group_sheet(shown: Shown) -> np.ndarray:
    """The images of a group with their names, on one uint8 RGB sheet."""
    pictures = [Picture(image, name) for image, name in zip(shown.tiles, shown.names, strict=True)]
    title = f"{len(pictures)} of {shown.total} images"
    return Gallery(shown.name, title, "", pictures, COLUMNS, TILE).sheet()


def overview_sheet(groups: Sequence[Shown]) -> np.ndarray:
    """A row for each group, of images evenly chosen from those that are shown; one uint8 RGB sheet."""
    pictures: list[Picture] = []
    for shown in groups:
        first, *others = evenly(shown.tiles, COLUMNS)
        row = [Picture(first, f"{shown.name}: {shown.total}"), *map(Picture, others)]
        pictures += [*row, *[Picture(None)] * (COLUMNS - len(row))]
    return Gallery("", "", "", pictures, COLUMNS, TILE).sheet()
