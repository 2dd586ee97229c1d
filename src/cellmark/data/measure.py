"""Measures what folders of images hold, in several processes where that is worth it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cellmark.coordinates import resize_points
from cellmark.data.annotations import CLASSES, Visibility, cells_of
from cellmark.data.batch import cell_pitch
from cellmark.data.contrast import Contrast, grey_of, measure_contrast
from cellmark.data.fit import fit_image
from cellmark.data.images import read_image
from cellmark.data.processes import map_in_processes
from cellmark.data.records import Folder, ImageRecord
from cellmark.data.statistics import Grid, Statistics
from cellmark.progress import Update

FEW_PIXELS = 50_000_000  # to start processes takes longer than to measure as many


@dataclass(frozen=True)
class ImageNumbers:
    """What one image holds.

    Attributes:
        size: width and height in pixels.
        cells: labelled cells of each class.
        not_labelled: keypoints without a class.
        background: those of them that lie in the image, where a network learns that nothing is there.
        code_cells: keypoints of each code, labelled or not.
        grids: rows and columns of each code, None where they are not known.
        pitch: float32 (N,) pitch at each labelled cell in pixels of the file, see ``cell_pitch``.
        input_pitch: float32 (N,) the same in pixels of the network's input.
        contrasts: of each code that has labelled cells of both classes.
    """

    size: tuple[int, int]
    cells: tuple[int, ...]
    not_labelled: int
    background: int
    code_cells: tuple[int, ...]
    grids: tuple[Grid | None, ...]
    pitch: np.ndarray
    input_pitch: np.ndarray
    contrasts: tuple[Contrast, ...]


def collect(
    folders: Sequence[Folder],
    visibility: Visibility,
    classes: Sequence[str],
    size: tuple[int, int],
    *,
    workers: int | None = None,
    update: Update | None = None,
) -> tuple[list[Statistics], Statistics]:
    """Reads and measures every image of some folders.

    Args:
        folders: with sound images.
        visibility: v -> class index, or None for "not labelled".
        classes: names of the classes; contrast is measured where ``black`` and ``white`` are among them.
        size: height and width of the network's input.
        workers: processes; None = one for each core, or none besides this one where there is little to measure.
        update: told after every image.

    Returns:
        The statistics of each folder, and of all of them.
    """
    records = [record for folder in folders for record in folder.images]
    if workers is None and sum(record.width * record.height for record in records) < FEW_PIXELS:
        workers = 1
    work = partial(measure, visibility=dict(visibility), classes=tuple(classes), size=size)
    numbers: list[ImageNumbers] = []
    with closing(map_in_processes(work, records, workers)) as measured:
        for one in measured:
            numbers.append(one)
            if update is not None:
                update("measuring", len(numbers), len(records))
    rest = iter(numbers)
    parts = [summarise(folder.name, [next(rest) for _ in folder.images], classes) for folder in folders]
    return parts, summarise("all folders", numbers, classes)


def measure(record: ImageRecord, visibility: Visibility, classes: Sequence[str], size: tuple[int, int]) -> ImageNumbers:
    """Reads one image and measures its cells; the arguments are `collect`'s."""
    image = read_image(record.path)
    height, width = image.shape[:2]
    scale = fit_image(image, size)[1]
    points, labels = cells_of(record, visibility)
    labelled = labels >= 0
    inside = ((points >= -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=1)
    pitch = np.full(len(points), np.nan, np.float32)
    pitch[labelled] = cell_pitch(points[labelled], (height, width))
    lengths = tuple(len(code.keypoints) for code in record.codes)
    return ImageNumbers(
        size=(width, height),
        cells=tuple(np.bincount(labels[labelled], minlength=len(classes)).tolist()),
        not_labelled=int((~labelled).sum()),
        background=int((inside & ~labelled).sum()),
        code_cells=lengths,
        grids=tuple((code.rows, code.cols) if code.rows and code.cols else None for code in record.codes),
        pitch=pitch[labelled],
        input_pitch=cell_pitch(resize_points(points[labelled], scale), size),
        contrasts=tuple(_contrasts(image, (points, labels, pitch), lengths, classes)),
    )


def summarise(name: str, numbers: Sequence[ImageNumbers], classes: Sequence[str]) -> Statistics:
    """Adds up what some images hold, at least one."""
    contrasts = np.array([contrast for one in numbers for contrast in one.contrasts], np.float64).reshape(-1, 2)
    cells = np.array([one.cells for one in numbers], np.int64).sum(axis=0)
    return Statistics(
        name=name,
        images=len(numbers),
        empty=sum(not one.code_cells for one in numbers),
        cells=dict(zip(classes, cells.tolist(), strict=True)),
        not_labelled=sum(one.not_labelled for one in numbers),
        background=sum(one.background for one in numbers),
        sizes=_counted(one.size for one in numbers),
        grids=_counted(grid for one in numbers for grid in one.grids),
        code_cells=np.array([count for one in numbers for count in one.code_cells], np.int64),
        pitch=np.concatenate([one.pitch for one in numbers]),
        input_pitch=np.concatenate([one.input_pitch for one in numbers]),
        contrast=contrasts[:, 0],
        separability=contrasts[:, 1],
    )


def _contrasts(
    image: np.ndarray, cells: Sequence[np.ndarray], lengths: Sequence[int], classes: Sequence[str]
) -> Iterator[Contrast]:
    """Of each code with cells of both classes.

    Args:
        image: uint8 (H, W, 3) RGB.
        cells: points, labels and pitch of all keypoints, code after code.
        lengths: number of keypoints of each code.
        classes: names of the classes.
    """
    if not set(CLASSES) <= set(classes):
        return
    pair, grey = (list(classes).index(CLASSES[0]), list(classes).index(CLASSES[1])), grey_of(image)
    ends = np.cumsum(lengths, dtype=np.int64)[:-1]
    for points, labels, pitch in zip(*(np.split(values, ends) for values in cells), strict=True):
        if (labels >= 0).any():
            contrast = measure_contrast(grey, points, labels, float(np.nanmedian(pitch)), pair)
            if contrast is not None:
                yield contrast


def _counted(items: Iterable[Any]) -> dict[Any, int]:
    """How often each comes, the most frequent first, equally frequent ones in the order of their values."""
    ranked = sorted(Counter(items).items(), key=lambda entry: (-entry[1], entry[0] or ()))
    return dict(ranked)
