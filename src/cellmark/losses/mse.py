"""The report's first loss."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps


def heatmap_mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared error, mean over pixels and summed over channels.

    Args:
        prediction: (B, C, h, w) in 0..1.
        target: (B, C, h, w) in 0..1.

    Returns:
        (B,) one value per image.
    """
    squares = functional.mse_loss(prediction, target.to(prediction), reduction="none")  # its slope takes one pass
    return squares.mean(dim=(2, 3)).sum(dim=1)


class MSELoss(Loss):
    """Term ``mse``: mean over the batch of ``heatmap_mse`` between the sigmoid of the logits and the target."""

    def __init__(self) -> None:
        """Has nothing to set."""
        super().__init__({"mse": 1.0})

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """``mse`` of the logits ``outputs["heatmap"]`` (B, C, h, w)."""
        return {"mse": heatmap_mse(Maps.of(outputs).probabilities, targets.heatmap).mean()}
