"""The focal loss for centre heatmaps."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cellmark.heatmaps.peaks import largest_of_3x3
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps

FLOOR = 0.1  # of T at a centre's pixel: keeps out the flat ground between cells, where all neighbours are equal


class PenaltyReducedFocalLoss(Loss):
    """Term ``penalty_reduced_focal``: the penalty falls off around every centre (CornerNet, Law and Deng 2018, eq. 1).

    With the prediction H and the target T, summed over pixels and divided by the number of cells of the batch:
    ``- (1 - H)^a log H`` at the pixel nearest to each centre, ``- (1 - T)^b H^a log(1 - H)`` at all others.

    CornerNet rounds every centre to a pixel, where T is then 1. Here centres keep their fraction: the nearest
    pixel is the one where T is the largest of its neighbourhood, and the penalty around it leans to the side
    on which the centre lies.
    """

    def __init__(self, focus: float = 2.0, penalty: float = 4.0) -> None:
        """Sets the exponents.

        Args:
            focus: a, how much pixels that are already right are discounted.
            penalty: b, how fast the penalty of a false positive falls off towards a centre.

        Raises:
            CellmarkError: an exponent is negative or not finite.
        """
        super().__init__({"penalty_reduced_focal": 1.0})
        self.check("focus", focus)
        self.check("penalty", penalty)
        self.focus, self.penalty = focus, penalty

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """``penalty_reduced_focal`` of the logits ``outputs["heatmap"]`` (B, C, h, w)."""
        logits, target = Maps.of(outputs).logits, targets.heatmap
        log_h, log_not_h = -functional.softplus(-logits), -functional.softplus(logits)
        positive = (self.focus * log_not_h).exp() * log_h
        negative = (1 - target) ** self.penalty * (self.focus * log_h).exp() * log_not_h
        cells = (targets.batch.labels >= 0).sum().clamp_min(1)
        return {"penalty_reduced_focal": -torch.where(nearest_to_centres(target), positive, negative).sum() / cells}


def nearest_to_centres(target: Tensor) -> Tensor:
    """Bool (B, C, h, w): the pixels nearest to a centre, of two equally near ones both.

    ``FLOOR`` keeps out the flat ground between cells.
    """
    highest = target.amax(dim=1)
    tops = (highest == largest_of_3x3(highest)) & (highest >= FLOOR)
    return tops[:, None] & (target == highest[:, None])
