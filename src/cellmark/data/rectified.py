"""Codes of a data set as rectified pictures, to train the classifier of their cells."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from torch.utils.data import Dataset

from cellmark.data.images import read_image
from cellmark.data.records import BLACK, NOT_LABELLED, Code, Folder
from cellmark.data.rectify import cell_size, extended, moved, rectify, shift_between
from cellmark.data.sampling import Key

WINDOW = 24  # cells a side of a sample
RIM = 4  # cells around a code that a window of a larger code may show
UNKNOWN = -1.0
LOST = 2.0  # cells: a place that is further off tells nothing more

Pair = tuple[np.ndarray, np.ndarray]
Labelled = tuple[np.ndarray, np.ndarray, np.ndarray]


class RectifiedCodes(Dataset[Labelled]):
    """Windows of ``WINDOW`` x ``WINDOW`` cells around or within the codes of some folders.

    The places of cells are moved about as a lattice of seen cells is off the true one; which way is up and where the
    window lies is random, too.
    """

    def __init__(self, folders: Sequence[Folder], seed: int, augment: bool) -> None:
        """Lists the codes whose rows and columns are known; pictures are read when they are asked for.

        Args:
            folders: of the data set.
            seed: of all randomness, together with epoch and index.
            augment: whether light, colours and sharpness are changed, too.
        """
        self.items: list[tuple[Path, Code]] = [
            (record.path, code)
            for folder in folders
            for record in folder.images
            for code in record.codes
            if code.rows and code.cols
        ]
        self.seed, self.augment = seed, augment

    def __len__(self) -> int:
        """Number of codes."""
        return len(self.items)

    def __getitem__(self, key: Key) -> Labelled:
        """The sample ``key = (epoch, index)``.

        Returns:
            The picture, uint8 (3, 8 * WINDOW, 8 * WINDOW); the labels, float32 (WINDOW, WINDOW): 1 = black, 0 = white,
            -1 = no cell of the code, or not labelled; and the shift, float32 (2, WINDOW, WINDOW), from the place of
            each cell in the picture to its true centre, in cells, ``LOST`` at most either way.
        """
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        path, code = self.items[index]
        places, labels = _turned(*_window(code, rng), rng)
        shaken = _shaken(places, labels != UNKNOWN, rng)
        shift = shift_between(shaken, places).clip(-LOST, LOST)
        picture = rectify(read_image(path), shaken)
        picture = _relit(picture, rng) if self.augment else picture
        return (
            np.ascontiguousarray(picture.transpose(2, 0, 1)),
            np.ascontiguousarray(labels, dtype=np.float32),
            np.ascontiguousarray(shift.transpose(2, 0, 1), dtype=np.float32),
        )


def _window(code: Code, rng: np.random.Generator) -> Pair:
    """Places (WINDOW, WINDOW, 2) and labels (WINDOW, WINDOW) of some of a code, or of all of it and what is around."""
    assert code.rows and code.cols
    grid = code.keypoints.reshape(code.rows, code.cols, 3)
    labels = np.where(grid[..., 2] == NOT_LABELLED, UNKNOWN, grid[..., 2] == BLACK)
    places, labels = extended(grid[..., :2], WINDOW), np.pad(labels, WINDOW, constant_values=UNKNOWN)
    boxes = []
    for cells in (code.rows, code.cols):
        ends = sorted((WINDOW - RIM, cells + RIM))  # the first cell that is shown
        start = int(rng.integers(ends[0], ends[1] + 1))
        boxes.append(slice(start, start + WINDOW))
    return places[tuple(boxes)], labels[tuple(boxes)]


def _turned(places: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Pair:
    """One of the eight ways to lay a square."""
    if rng.random() < 0.5:
        places, labels = places[::-1], labels[::-1]
    if rng.random() < 0.5:
        places, labels = places[:, ::-1], labels[:, ::-1]
    if rng.random() < 0.5:
        places, labels = places.transpose(1, 0, 2), labels.T
    return places, labels


def _shaken(places: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moves each cell by itself, parts of the lattice together, and ever more beyond where it counts as known."""
    alone = rng.normal(0, rng.uniform(0, 0.12), places.shape)
    together = rng.uniform(0, 0.2) * _waves(places.shape, rng)
    whole = rng.normal(0, 0.06, 2)
    off = alone + together + whole
    if rng.random() < 0.6:
        middle, known = rng.uniform(0, WINDOW, 2), rng.uniform(2, 10)
        row, col = np.indices(places.shape[:2])
        beyond = (np.maximum(abs(row - middle[0]), abs(col - middle[1])) - known).clip(0)
        off = off + 0.8 * np.tanh(rng.uniform(0, 0.06) * beyond[..., None] ** 1.5 * _waves(places.shape, rng))
    shaken: np.ndarray = places + cell_size(places) * off
    return moved(shaken, _slip(inside, rng)) if rng.random() < 0.4 else shaken


def _slip(inside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A shift (rows, cols, 2) of the smaller part of a code by a whole cell: a lattice grew wrong from a line on.

    The line may fade out within the lattice, as one does that was grown around.
    """
    row, col = np.indices(inside.shape)
    angle = rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0, WINDOW, 2)
    across = np.cos(angle) * (row - middle[0]) + np.sin(angle) * (col - middle[1])
    along = np.cos(angle) * (col - middle[1]) - np.sin(angle) * (row - middle[0])
    if inside[across > 0].sum() > inside[across < 0].sum():
        across = -across
    slip = 1 / (1 + np.exp(-4 * across / rng.uniform(0.5, 6)))
    if rng.random() < 0.5:
        slip = slip / (1 + np.exp(-4 * along / rng.uniform(1, 8)))
    aside = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])[rng.integers(4)]
    return np.asarray(slip[..., None] * aside)


def _waves(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A smooth random field (rows, cols, 2) of about unit size."""
    knots = int(rng.integers(3, 8))
    field = rng.normal(0, 1, (knots, knots, 2)).astype(np.float32)
    return np.asarray(cv2.resize(field, shape[1::-1], interpolation=cv2.INTER_CUBIC))


def _relit(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another light, other colours, less sharpness and more noise, each now and then."""
    values: np.ndarray = picture.astype(np.float32)
    if rng.random() < 0.3:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.8))
    if rng.random() < 0.5:
        values = values * rng.uniform(0.6, 1.3) + rng.uniform(-30, 30)
    if rng.random() < 0.3:
        values = 255 * np.clip(values / 255, 0, 1) ** rng.uniform(0.6, 1.6)
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(1, 14), values.shape)
    if rng.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    if rng.random() < 0.3:
        values = values[..., rng.permutation(3)]
    if rng.random() < 0.2:
        values = 255 - values
    result: np.ndarray = np.clip(values, 0, 255).astype(np.uint8)
    return result
