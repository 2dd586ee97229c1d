"""Validation MSE: the model-selection metric, whatever the training loss."""

import torch
from torch import Tensor
from torchmetrics import Metric

from cellmark.losses.mse import heatmap_mse


class HeatmapMSE(Metric):
    """Squared error of the heatmap: mean over pixels, summed over channels, mean over images."""

    full_state_update = False
    total: Tensor
    images: Tensor

    def __init__(self) -> None:
        """Prepares the sums."""
        super().__init__()
        self.add_state("total", torch.zeros(()), "sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), "sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Adds a batch of maps (B, C, h, w), both in 0..1."""
        self.total += heatmap_mse(prediction.float(), target).sum()
        self.images += len(prediction)

    def compute(self) -> Tensor:
        """The mean over all images."""
        return self.total / self.images
