"""``cellmark dataset_show``: contact sheets of annotated images, black cells red and white cells blue."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from rich.console import Console

from cellmark.data.check import load_root
from cellmark.data.coco import Visibility, class_names, classes_of, resolve_visibility
from cellmark.data.images import read_image
from cellmark.data.json_entries import printable
from cellmark.data.records import Folder, ImageRecord
from cellmark.errors import CellmarkError
from cellmark.files import write_png
from cellmark.viz.overlay import draw_cells
from cellmark.viz.sheet import contact_sheet

TILE, COLUMNS = 384, 4  # of a folder's sheet
OVERVIEW_TILE, OVERVIEW_IMAGES = 256, 4  # each image plain and annotated


def run(*, data: DictConfig, output_dir: str, images: int) -> int:
    """Writes a sheet for each folder and an overview of all, and prints their paths.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        output_dir: folder for the sheets.
        images: how many images of each folder, chosen evenly.

    Returns:
        The exit status 0; images with a problem are left out, and logged.
    """
    if type(images) is not int or images < 1:
        raise CellmarkError(f"images={images}: a whole number from 1 up is needed")
    visibility = resolve_visibility(data.visibility_to_class, class_names(data.visibility_to_class))
    folders = load_root(Path(data.root), visibility, on_error="skip")
    console, target = Console(soft_wrap=True, highlight=False, markup=False), Path(output_dir)
    for folder in folders:
        path = target / f"{folder.name}.png"
        write_png(path, folder_sheet(folder, images, visibility))
        console.print(printable(str(path)))
    path = target / "overview.png"
    write_png(path, overview(folders, visibility))
    console.print(printable(str(path)))
    return 0


def folder_sheet(folder: Folder, images: int, visibility: Visibility) -> np.ndarray:
    """Some annotated images of a folder on one uint8 RGB sheet, captioned with file and cells."""
    records = evenly(folder.images, images)
    tiles = [annotated(record, visibility) for record in records]
    captions = [f"{record.path.name}: {_cells(record, visibility)} cells" for record in records]
    title = f"{folder.name}: {len(records)} of {len(folder.images)} images"
    return contact_sheet(tiles, COLUMNS, TILE, captions, title)


def overview(folders: Sequence[Folder], visibility: Visibility) -> np.ndarray:
    """A row for each folder on one uint8 RGB sheet, each image plain and annotated."""
    tiles, captions = [], []
    blank = np.full((1, 1, 3), 255, np.uint8)
    for folder in folders:
        records = evenly(folder.images, OVERVIEW_IMAGES)
        row = [tile for record in records for tile in (read_image(record.path), annotated(record, visibility))]
        names = [name for record in records for name in (f"{folder.name}/{record.path.name}", "")]
        missing = 2 * OVERVIEW_IMAGES - len(row)
        tiles += [*row, *[blank] * missing]
        captions += [*names, *[""] * missing]
    return contact_sheet(tiles, 2 * OVERVIEW_IMAGES, OVERVIEW_TILE, captions)


def annotated(record: ImageRecord, visibility: Visibility) -> np.ndarray:
    """The image with its labelled cells drawn, uint8 RGB, enlarged if it is small."""
    keypoints = np.concatenate([np.empty((0, 3)), *(code.keypoints for code in record.codes)])
    return draw_cells(read_image(record.path), keypoints[:, :2], _labels(record, visibility))


def evenly(records: Sequence[ImageRecord], most: int) -> list[ImageRecord]:
    """At most ``most`` records, evenly spaced from the first to the last."""
    places = np.linspace(0, len(records) - 1, min(most, len(records))).round().astype(int)
    return [records[place] for place in places.tolist()]


def _labels(record: ImageRecord, visibility: Visibility) -> np.ndarray:
    """int64 (N,) classes of all keypoints of an image, -1 for not labelled."""
    labels = [classes_of(code, visibility) for code in record.codes]
    return np.concatenate([np.empty(0, np.int64), *labels])


def _cells(record: ImageRecord, visibility: Visibility) -> int:
    return int((_labels(record, visibility) >= 0).sum())
