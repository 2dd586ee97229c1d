"""The found and the true cells of one image, as arrays on the host."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets


@dataclass(frozen=True)
class ImageCells:
    """What metrics of points compare; padding is gone, lengths are in pixels of the input.

    Attributes:
        points: float64 (P, 2) found cells.
        labels: int64 (P,) their classes.
        scores: float64 (P,) heights of their peaks.
        truth: float64 (N, 2) true cells.
        classes: int64 (N,) their classes.
        pitch: float64 (N,) cell pitch at each of them.
        places: int64 (N, 2) code of each of them, and its row-major place in that code.
        grids: rows and columns of each code, None where the order is not known.
    """

    points: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    classes: np.ndarray
    pitch: np.ndarray
    places: np.ndarray
    grids: tuple[tuple[int, int] | None, ...]


def image_cells(peaks: Sequence[Peaks], targets: Targets) -> Iterator[ImageCells]:
    """The cells of each image of a batch.

    Raises:
        ValueError: there are not as many ``peaks`` as images.
    """
    batch = targets.batch
    points, classes, pitch, places = (_host(t) for t in (batch.points, batch.labels, batch.pitch, batch.places))
    for index, (found, grids) in enumerate(zip(peaks, batch.grids, strict=True)):
        real = classes[index] >= 0
        yield ImageCells(
            points=_host(found.points).astype(np.float64),
            labels=_host(found.labels),
            scores=_host(found.scores).astype(np.float64),
            truth=points[index][real].astype(np.float64),
            classes=classes[index][real],
            pitch=pitch[index][real].astype(np.float64),
            places=places[index][real],
            grids=grids,
        )


def _host(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array
