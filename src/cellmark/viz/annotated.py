"""Images with their annotated cells drawn in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from cellmark.viz.gallery import Gallery, Picture, shrunk
from cellmark.viz.overlay import draw_cells, legend

COLUMNS, TILE = 4, 384
OVERVIEW_IMAGES, OVERVIEW_TILE = 4, 256  # each image plain and annotated


@dataclass(frozen=True)
class Annotated:
    """One image with its cells.

    Attributes:
        name: of the file.
        image: uint8 (H, W, 3) RGB.
        points: (N, 2) x, y in pixels of ``image``.
        labels: (N,) class of each, negative for not labelled.
    """

    name: str
    image: np.ndarray
    points: np.ndarray
    labels: np.ndarray

    @property
    def cells(self) -> int:
        """Number of labelled cells."""
        return int((self.labels >= 0).sum())

    def drawn(self) -> np.ndarray:
        """The image with its labelled cells: enlarged if it is small, shrunk if it is large."""
        return shrunk(draw_cells(self.image, self.points, self.labels))


def cells_gallery(folder: str, images: Iterable[Annotated], total: int, classes: Sequence[str]) -> Gallery:
    """Some images of a folder of ``total`` ones, with their cells; one after another is held in memory."""
    pictures = [
        Picture(one.drawn(), f"{one.name}: {one.cells} cells", f"{one.name} with its {one.cells} cells marked")
        for one in images
    ]
    title = f"cells of {len(pictures)} of {total} images ({legend(classes)})"
    note = "A dot at the centre of every labelled cell: in the middle of the cell and in the colour of its class?"
    return Gallery(folder, title, note, pictures, COLUMNS, TILE)


def overview_gallery(folders: Iterable[tuple[str, Iterable[Annotated]]], classes: Sequence[str]) -> Gallery:
    """A row for each folder, of at most `OVERVIEW_IMAGES` images, each plain and annotated."""
    pictures: list[Picture] = []
    for folder, images in folders:
        row = []
        for one in islice(images, OVERVIEW_IMAGES):
            name = f"{folder}/{one.name}"
            plain = Picture(shrunk(one.image, OVERVIEW_TILE), name, name)
            row += [plain, Picture(one.drawn(), "", f"{name} with its {one.cells} cells marked")]
        pictures += [*row, *[Picture(None)] * (2 * OVERVIEW_IMAGES - len(row))]
    rows = len(pictures) // (2 * OVERVIEW_IMAGES)
    title = f"{rows} folder{'' if rows == 1 else 's'} ({legend(classes)})"
    note = "A row for each folder: images evenly chosen, plain and with their cells."
    return Gallery("", title, note, pictures, 2 * OVERVIEW_IMAGES, OVERVIEW_TILE, rows=True)
