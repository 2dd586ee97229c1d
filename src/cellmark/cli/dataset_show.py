"""``cellmark dataset_show``: contact sheets of annotated images, black cells red and white cells blue.

With an augmentation, also sheets of augmented samples with their target heatmaps: what a network will be fed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from cellmark.data.augment import Augment
from cellmark.data.check import load_root
from cellmark.data.coco import Visibility, classes_of, resolve_visibility
from cellmark.data.dataset import load_sample
from cellmark.data.images import read_image
from cellmark.data.json_entries import printable
from cellmark.data.records import Folder, ImageRecord, Sample
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.viz.augmented import augmented_sheet
from cellmark.viz.overlay import draw_cells
from cellmark.viz.sheet import contact_sheet

TILE, COLUMNS = 384, 4  # of a folder's sheet
OVERVIEW_TILE, OVERVIEW_IMAGES = 256, 4  # each image plain and annotated
AUGMENTED_IMAGES, VERSIONS = 4, 4  # of each image, beside the one that it starts from


def run(
    *,
    data: DictConfig,
    mode: DictConfig,
    output_dir: str,
    images: int,
    augment: DictConfig,
    size: Sequence[int],
    stride: int,
    seed: int,
    codec: DictConfig,
) -> int:
    """Writes a sheet for each folder and an overview of all, and prints their paths.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.
        output_dir: folder for the sheets.
        images: how many images of each folder, chosen evenly.
        augment: config of an ``Augment``; with transforms in it, there is a sheet of augmented samples for each folder.
        size: height and width of the network's input in pixels.
        stride: input pixels per pixel of the target heatmaps.
        seed: of the augmentation.
        codec: config of what renders the target heatmaps.

    Returns:
        The exit status 0; images with a problem are left out, and logged.
    """
    _check_number("images", images, least=1)
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    augmentation, renderer = instantiate(augment), instantiate(codec)
    if len(size) != 2:
        raise CellmarkError(f"size={list(size)}: height and width are needed")
    for name, value, least in (*(("size", side, 1) for side in size), ("stride", stride, 1), ("seed", seed, 0)):
        _check_number(name, value, least)
    folders = load_root(Path(data.root), visibility, on_error="skip")
    target = Path(output_dir)
    for number, folder in enumerate(folders):
        _write(target / f"{folder.name}.png", folder_sheet(folder, images, visibility))
        if augment.transforms:
            rows = versions(folder, augmentation, (size[0], size[1]), visibility, (seed, number))
            title = f"{folder.name}: as it is, and {VERSIONS} times augmented"
            sheet = augmented_sheet(rows, renderer, stride, len(mode.classes), title)
            _write(target / f"{folder.name}_augmented.png", sheet)
    _write(target / "overview.png", overview(folders, visibility))
    return 0


def versions(
    folder: Folder, augment: Augment, size: tuple[int, int], visibility: Visibility, seed: tuple[int, int]
) -> list[list[Sample]]:
    """Some samples of a folder, each as it is and in several augmented versions, drawn anew for each image."""
    rows = []
    for index, record in enumerate(evenly(folder.images, AUGMENTED_IMAGES)):
        sample = load_sample(folder.name, record, size, visibility)
        seeds = np.random.SeedSequence([*seed, index]).generate_state(VERSIONS).tolist()
        rows.append([sample, *(augment(sample, one) for one in seeds)])
    return rows


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


def _check_number(name: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise CellmarkError(f"{name}={value}: a whole number from {least} up is needed")


def _write(path: Path, sheet: np.ndarray) -> None:
    write_image(path, sheet)
    Console(soft_wrap=True, highlight=False, markup=False).print(printable(str(path)))
