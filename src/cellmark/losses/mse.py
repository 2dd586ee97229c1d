"""The report's first loss."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from cellmark.heatmaps.targets import Targets


def heatmap_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared error, mean over pixels and summed over channels.

    Args:
        prediction: (B, C, h, w) in 0..1.
        target: (B, C, h, w) in 0..1.

    Returns:
        (B,) one value per image.
    """
    return (prediction - target).square().mean(dim=(2, 3)).sum(dim=1)


class MSELoss(nn.Module):
    """Mean over the batch of ``heatmap_mse`` between the sigmoid of the logits and the target."""

    needs: ClassVar[tuple[str, ...]] = ("heatmap",)

    def forward(self, outputs: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """Scalar loss of the maps ``outputs["heatmap"]``: logits (B, C, h, w)."""
        return heatmap_mse(outputs["heatmap"].float().sigmoid(), targets.heatmap).mean()
