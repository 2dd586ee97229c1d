"""The share of correct keypoints, as the report defines it."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.base import GroupedMetric
from cellmark.metrics.image_cells import image_cells


class PCK(GroupedMetric):
    """Share of the predicted peaks that lie within a distance of any true cell of the same class.

    Kept to compare with the report. It ignores missed cells, it accepts several peaks for one cell, and its distance
    knows nothing of the cell pitch: at the report's 20 px of 512 a peak two or three cells off still counts.
    ``CellMetrics`` is the one to judge by.
    """

    counts: Tensor

    def __init__(self, classes: Sequence[str], folders: Sequence[str], tau: float = 20 / 512) -> None:
        """Prepares the counters.

        Args:
            classes: name of each class.
            folders: name of every folder that will be seen.
            tau: largest distance as a fraction of the longer side of the input, so that it scales with it.
        """
        super().__init__(classes, folders)
        self.tau = tau
        self.add_state("counts", torch.zeros(len(folders), len(classes), 2, dtype=torch.int64), "sum")

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch; the maps are not looked at."""
        reach = self.tau * max(targets.batch.images.shape[-2:])
        counts = np.zeros(self.counts.shape, np.int64)
        for folder, cells in zip(self.folder_indices(targets), image_cells(peaks, targets), strict=True):
            for label in range(len(self.classes)):
                found, truth = cells.points[cells.labels == label], cells.truth[cells.classes == label]
                correct = (cKDTree(truth).query(found)[0] <= reach).sum() if len(found) and len(truth) else 0
                counts[folder, label] += correct, len(found)
        self.counts += torch.from_numpy(counts).to(self.counts.device)

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """``pck``; NaN without a peak."""
        correct, found = self.counts[folders][:, classes].sum(dim=(0, 1)).float().unbind()
        return {"pck": correct / found}
