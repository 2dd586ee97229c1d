"""Validation MSE: the model-selection metric, whatever the training loss."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.base import GroupedMetric


class HeatmapMSE(GroupedMetric):
    """Squared error of the heatmap: mean over pixels, summed over channels, mean over images."""

    total: Tensor
    images: Tensor

    def __init__(self, classes: Sequence[str], folders: Sequence[str]) -> None:
        """Prepares the sums; see ``GroupedMetric``."""
        super().__init__(classes, folders)
        self.add_state("total", torch.zeros(len(folders), len(classes)), "sum")
        self.add_state("images", torch.zeros(len(folders), dtype=torch.int64), "sum")

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch."""
        error = (heatmap - targets.heatmap).square().mean(dim=(2, 3)).to(self.total)
        folders = torch.tensor(self.folder_indices(targets), device=self.total.device)
        self.total.index_add_(0, folders, error)
        self.images += torch.bincount(folders, minlength=len(self.folders))

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """``mse``."""
        return {"mse": self.total[folders][:, classes].sum() / self.images[folders].sum()}
