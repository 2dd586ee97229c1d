"""Hand-made truth for tests of metrics: lattices of cells, batches of them, peaks."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cellmark.data.batch import Batch, collate
from cellmark.data.records import Sample
from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets


class Code(NamedTuple):
    """Cells of one code in row-major order; ``grid`` None where the order is not told."""

    points: np.ndarray
    labels: np.ndarray
    grid: tuple[int, int] | None = None


def lattice(rows, cols, pitch=8.0, corner=(20.0, 20.0)) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(cols), np.arange(rows)), axis=-1).reshape(-1, 2) * pitch + corner


def code(rng, rows, cols, pitch=8.0, corner=(20.0, 20.0)) -> Code:
    return Code(lattice(rows, cols, pitch, corner), rng.integers(0, 2, rows * cols), (rows, cols))


def sample(codes, folder="a", image_id=1, size=(256, 256)) -> Sample:
    places = [np.column_stack([np.full(len(c.points), k), np.arange(len(c.points))]) for k, c in enumerate(codes)]
    return Sample(
        image=np.zeros((*size, 3), np.uint8),
        points=np.concatenate([np.zeros((0, 2)), *(c.points for c in codes)]).astype(np.float32),
        labels=np.concatenate([np.zeros(0, np.int64), *(c.labels for c in codes)]),
        places=np.concatenate([np.zeros((0, 2), np.int64), *places]),
        grids=tuple(c.grid for c in codes),
        folder=folder,
        path=Path(f"{image_id}.png"),
        image_id=image_id,
    )


def batch(*samples) -> Batch:
    return collate(samples)


def targets(*samples) -> Targets:
    """Truth for metrics that do not look at the maps."""
    return Targets(torch.zeros(len(samples), 2, 1, 1), batch(*samples), 1)


def peaks(points, labels, scores=None) -> Peaks:
    scores = np.ones(len(points)) if scores is None else np.broadcast_to(scores, len(points))
    return Peaks(
        torch.tensor(np.asarray(points), dtype=torch.float32).reshape(-1, 2),
        torch.tensor(np.asarray(labels), dtype=torch.int64),
        torch.tensor(scores.copy(), dtype=torch.float32),
    )


def joined(*parts) -> Peaks:
    return Peaks(*(torch.cat(values) for values in zip(*parts, strict=True)))


NO_MAP = torch.zeros(0)  # for metrics that do not look at it
