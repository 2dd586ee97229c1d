"""The focal loss for centre heatmaps."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from cellmark.heatmaps.targets import Targets


class PenaltyReducedFocalLoss(nn.Module):
    """Focal loss whose penalty falls off around every centre (CornerNet, Law and Deng 2018, eq. 1).

    With the prediction H and the target T, summed over pixels and divided by the number of cells of the batch:
    ``- T^g (1 - H)^a log H - (1 - T)^b H^a log(1 - H)``.

    CornerNet counts only pixels with T = 1 as positive, so it rounds every centre to a pixel. Here centres keep
    their fraction and T reaches 1 nowhere; the weight ``T^g`` takes the place of that rounding, and the best H is
    a symmetric function of T whose peak lies where the centre lies.
    """

    needs: ClassVar[tuple[str, ...]] = ("heatmap",)

    def __init__(self, focus: float = 2.0, penalty: float = 4.0, peak: float = 4.0) -> None:
        """Sets the exponents.

        Args:
            focus: a, how much pixels that are already right are discounted.
            penalty: b, how fast the penalty of a false positive falls off towards a centre.
            peak: g, how fast the reward of a positive falls off from a centre.
        """
        super().__init__()
        self.focus, self.penalty, self.peak = focus, penalty, peak

    def forward(self, outputs: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """Scalar loss of the maps ``outputs["heatmap"]``: logits (B, C, h, w)."""
        logits, target = outputs["heatmap"].float(), targets.heatmap
        log_h, log_not_h = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        positive = target**self.peak * (self.focus * log_not_h).exp() * log_h
        negative = (1 - target) ** self.penalty * (self.focus * log_h).exp() * log_not_h
        cells = (targets.batch.labels >= 0).sum().clamp_min(1)
        return -(positive + negative).sum() / cells
