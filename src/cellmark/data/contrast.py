"""How well brightness alone tells the black cells of a code from the white ones."""

import math
from typing import NamedTuple

import cv2
import numpy as np

DISC = 0.25  # radius of the disc at a cell's centre over which its brightness is averaged, in pitches of its code


class Contrast(NamedTuple):
    """Brightness of the cells of one code.

    Attributes:
        contrast: mean grey of the white cells minus that of the black ones, divided by 255, so in -1..1. Negative:
            the code is light on dark.
        separability: share of all pairs of a black and a white cell that have the usual order of the code, a tie
            counting half: ``max(AUC, 1 - AUC)``, in 0.5..1. 1: one threshold of grey parts the classes; near 0.5:
            brightness tells nothing.
    """

    contrast: float
    separability: float


def measure_contrast(
    grey: np.ndarray, points: np.ndarray, labels: np.ndarray, pitch: float, pair: tuple[int, int]
) -> Contrast | None:
    """Compares the brightness of the cells of one code.

    Args:
        grey: (H, W) grey levels 0..255.
        points: (N, 2) x, y of the cells in pixels.
        labels: (N,) class of each cell, negative for not labelled.
        pitch: of the code, in pixels.
        pair: index of the class of black cells, and of white ones.

    Returns:
        None where there are not cells of both classes.
    """
    black, white = (points[labels == index] for index in pair)
    if not len(black) or not len(white):
        return None
    dark, light = (disc_means(grey, cells, DISC * pitch) for cells in (black, white))
    auc = rank_share(dark, light)
    return Contrast(float(light.mean() - dark.mean()) / 255, max(auc, 1 - auc))


def grey_of(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W) grey of a uint8 (H, W, 3) RGB picture: 0.299 R + 0.587 G + 0.114 B, rounded."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def disc_means(grey: np.ndarray, points: np.ndarray, radius: float) -> np.ndarray:
    """Mean of the pixels whose centres lie in a disc, the pixel nearest to its centre always among them.

    Args:
        grey: (H, W) values.
        points: (N, 2) x, y of the centres of the discs, in the picture.
        radius: of the discs in pixels.

    Returns:
        float64 (N,).
    """
    height, width = grey.shape
    reach = math.ceil(radius)
    offsets = np.arange(-reach, reach + 1)
    nearest = np.clip(np.rint(points), 0, (width - 1, height - 1)).astype(np.int64)
    columns, rows = nearest[:, :1] + offsets, nearest[:, 1:] + offsets
    distance = ((rows - points[:, 1:]) ** 2)[:, :, None] + ((columns - points[:, :1]) ** 2)[:, None, :]
    on_picture = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    inside = (distance <= radius**2) & on_picture
    inside[:, reach, reach] = True
    values = grey[rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]]
    means: np.ndarray = np.sum(values * inside, axis=(1, 2), dtype=np.float64) / inside.sum(axis=(1, 2))
    return means


def rank_share(low: np.ndarray, high: np.ndarray) -> float:
    """Share of the pairs in which ``high`` is the greater, a tie counting half: the area under the ROC curve."""
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))
