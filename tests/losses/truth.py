"""Small batches with known heatmaps and cells."""

from pathlib import Path

import torch

from cellmark.data.batch import Batch
from cellmark.heatmaps.targets import Targets


def targets(heatmap, cells=5, points=None, labels=None, size=(8, 8), stride=1):
    """Targets with that heatmap; ``cells`` cells of class 0 in the first image, unless labels (B, N) are given."""
    count = len(heatmap)
    if labels is None:
        labels = torch.full((count, 8), -1)
        labels[0, :cells] = 0
    batch = Batch(
        images=torch.zeros(count, 3, *size),
        points=torch.zeros(*labels.shape, 2) if points is None else points,
        labels=labels,
        pitch=torch.ones(labels.shape),
        places=torch.zeros(*labels.shape, 2, dtype=torch.int64),
        grids=[()] * count,
        folders=["f"] * count,
        paths=[Path("f.png")] * count,
        image_ids=list(range(count)),
    )
    return Targets(heatmap, batch, stride)
