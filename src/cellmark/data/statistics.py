"""What a data set holds: cells, their classes and their pitch, codes, sizes and contrast, by folder and in all."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from cellmark.coordinates import resize_points
from cellmark.data.annotations import CLASSES, Visibility, classes_of
from cellmark.data.batch import cell_pitch
from cellmark.data.contrast import Contrast, grey_of, measure_contrast
from cellmark.data.fit import fit_image
from cellmark.data.images import read_image
from cellmark.data.processes import map_in_processes
from cellmark.data.records import Code, Folder, ImageRecord

FEW_PIXELS = 50_000_000  # to start processes takes longer than to measure as many

OnMeasured = Callable[[int, int], None]  # images measured so far, images in all
Grid = tuple[int, int]


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


class Spread(NamedTuple):
    """Median, and the 5th and 95th percentile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Statistics:
    """What a folder, or all folders together, hold. Arrays have one value per cell or per code.

    Attributes:
        name: of the folder.
        images: number of images.
        empty: images without a code; in training all of them is background.
        cells: labelled cells by name of the class.
        not_labelled: keypoints without a class.
        background: those of them that lie in their image, where a network learns that nothing is there.
        sizes: how many images have each width and height.
        grids: how many codes have each number of rows and columns, None for those that do not tell.
        code_cells: int64 (K,) keypoints of each code, labelled or not.
        pitch: float32 (N,) in pixels of the files.
        input_pitch: float32 (N,) in pixels of the network's input.
        contrast: float64 (M,) of the codes with cells of both classes, see ``Contrast``; empty without the two
            classes black and white.
        separability: float64 (M,) likewise.
    """

    name: str
    images: int
    empty: int
    cells: Mapping[str, int]
    not_labelled: int
    background: int
    sizes: Mapping[tuple[int, int], int]
    grids: Mapping[Grid | None, int]
    code_cells: np.ndarray
    pitch: np.ndarray
    input_pitch: np.ndarray
    contrast: np.ndarray
    separability: np.ndarray

    @property
    def codes(self) -> int:
        """Number of codes."""
        return len(self.code_cells)

    @property
    def shares(self) -> dict[str, float | None]:
        """Share of each class in the labelled cells; None where there are none."""
        total = sum(self.cells.values())
        return {name: count / total if total else None for name, count in self.cells.items()}

    @property
    def light_on_dark(self) -> float | None:
        """Share of the codes with a negative contrast; None where none was measured."""
        return float((self.contrast < 0).mean()) if len(self.contrast) else None

    @property
    def code_size(self) -> dict[str, float] | None:
        """Median, least and greatest number of cells of a code; None where there is no code."""
        counts = self.code_cells
        if not len(counts):
            return None
        return {"median": float(np.median(counts)), "min": int(counts.min()), "max": int(counts.max())}

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every number, null where one is not defined."""
        return {
            "images": self.images,
            "images_without_code": self.empty,
            "image_sizes": {f"{width}x{height}": count for (width, height), count in self.sizes.items()},
            "codes": self.codes,
            "grids": {"unknown" if grid is None else f"{grid[0]}x{grid[1]}": n for grid, n in self.grids.items()},
            "cells_per_code": self.code_size,
            "cells": dict(self.cells),
            "shares": self.shares,
            "not_labelled": self.not_labelled,
            "not_labelled_in_the_image": self.background,
            **{
                key: None if (spread := spread_of(values)) is None else dict(zip(_SPREAD, spread, strict=True))
                for key, values in self.measures().items()
            },
            "light_on_dark": self.light_on_dark,
        }

    def measures(self) -> dict[str, np.ndarray]:
        """The measured values by name."""
        return {
            "pitch": self.pitch,
            "input_pitch": self.input_pitch,
            "contrast": self.contrast,
            "separability": self.separability,
        }


_SPREAD = ("median", "p5", "p95")


def spread_of(values: np.ndarray) -> Spread | None:
    """Median and 5th and 95th percentile, None of nothing."""
    return Spread(*np.percentile(values, (50, 5, 95)).tolist()) if len(values) else None


def collect(
    folders: Sequence[Folder],
    visibility: Visibility,
    classes: Sequence[str],
    size: tuple[int, int],
    *,
    workers: int | None = None,
    on_measured: OnMeasured | None = None,
) -> tuple[list[Statistics], Statistics]:
    """Reads and measures every image of some folders.

    Args:
        folders: with sound images.
        visibility: v -> class index, or None for "not labelled".
        classes: names of the classes; contrast is measured where ``black`` and ``white`` are among them.
        size: height and width of the network's input.
        workers: processes; None = one for each core, or none besides this one where there is little to measure.
        on_measured: told after every image.

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
            if on_measured is not None:
                on_measured(len(numbers), len(records))
    rest = iter(numbers)
    parts = [summarise(folder.name, [next(rest) for _ in folder.images], classes) for folder in folders]
    return parts, summarise("all folders", numbers, classes)


def measure(record: ImageRecord, visibility: Visibility, classes: Sequence[str], size: tuple[int, int]) -> ImageNumbers:
    """Reads one image and measures its cells; the arguments are `collect`'s."""
    image = read_image(record.path)
    scale = fit_image(image, size)[1]
    labels = [classes_of(code, visibility) for code in record.codes]
    places = [code.keypoints[own >= 0, :2] for code, own in zip(record.codes, labels, strict=True)]
    points, every = np.concatenate([np.zeros((0, 2)), *places]), np.concatenate([np.zeros(0, np.int64), *labels])
    pitch = cell_pitch(points, (image.shape[0], image.shape[1]))
    return ImageNumbers(
        size=(image.shape[1], image.shape[0]),
        cells=tuple(np.bincount(every[every >= 0], minlength=len(classes)).tolist()),
        not_labelled=int((every < 0).sum()),
        background=sum(_unlabelled_inside(code, own, image) for code, own in zip(record.codes, labels, strict=True)),
        code_cells=tuple(len(code.keypoints) for code in record.codes),
        grids=tuple((code.rows, code.cols) if code.rows and code.cols else None for code in record.codes),
        pitch=pitch,
        input_pitch=cell_pitch(resize_points(points, scale), size),
        contrasts=tuple(_contrasts(image, places, labels, pitch, classes)),
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
    image: np.ndarray,
    places: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    pitch: np.ndarray,
    classes: Sequence[str],
) -> Iterable[Contrast]:
    """Of each code with cells of both classes; ``pitch`` is that of all labelled cells, in order."""
    if not places or not set(CLASSES) <= set(classes):
        return
    pair, grey = (list(classes).index(CLASSES[0]), list(classes).index(CLASSES[1])), grey_of(image)
    ends = np.cumsum([len(points) for points in places])[:-1]
    for points, own, distances in zip(places, labels, np.split(pitch, ends), strict=True):
        if len(points):
            contrast = measure_contrast(grey, points, own[own >= 0], float(np.median(distances)), pair)
            if contrast is not None:
                yield contrast


def _unlabelled_inside(code: Code, labels: np.ndarray, image: np.ndarray) -> int:
    places, far = code.keypoints[labels < 0, :2], (image.shape[1] - 0.5, image.shape[0] - 0.5)
    return int(((places >= -0.5) & (places < far)).all(axis=1).sum())


def _counted(items: Iterable[Any]) -> dict[Any, int]:
    """How often each comes, the most frequent first, equally frequent ones in the order of their values."""
    ranked = sorted(Counter(items).items(), key=lambda entry: (-entry[1], entry[0] or ()))
    return dict(ranked)
