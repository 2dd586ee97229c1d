"""The report's second loss."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps


class FocalLoss(Loss):
    """Term ``focal``: cross-entropy that discounts pixels which are right already (the report's form).

    With ``bce = -(T log H + (1 - T) log(1 - H))`` and ``p = exp(-bce)``: ``zeta (1 - p)^eta bce``, mean over
    pixels, summed over channels, mean over the batch.
    """

    def __init__(self, zeta: float = 0.25, eta: float = 2.0) -> None:
        """Sets scale and exponent.

        Raises:
            CellmarkError: zeta or eta is negative or not finite.
        """
        super().__init__({"focal": 1.0})
        self.check("zeta", zeta)
        self.check("eta", eta)
        self.zeta, self.eta = zeta, eta

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """``focal`` of the logits ``outputs["heatmap"]`` (B, C, h, w)."""
        maps = Maps.of(outputs)
        target = targets.heatmap.to(maps.logits)
        means: Tensor = _FocalMean.apply(maps.logits, maps.probabilities.detach(), target, self.eta)
        return {"focal": self.zeta * means.sum(dim=1).mean()}


class _FocalMean(torch.autograd.Function):
    """Mean of ``s^eta bce`` over the pixels of each map, (B, C), with ``s = 1 - p``.

    The derivative by the logit is ``s^eta (1 + eta (1 - s) bce / s) (H - T)``, kept instead of all the steps.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, probabilities: Tensor, target: Tensor, eta: float) -> Tensor:
        bce = cross_entropy(logits, target)
        surprise = bce.neg().expm1_().neg_()
        weight = surprise**eta
        means = (weight * bce).mean(dim=(2, 3))
        if ctx.needs_input_grad[0]:
            slope = surprise.clamp_min(torch.finfo(bce.dtype).tiny)
            torch.div(bce, slope, out=slope)
            slope.addcmul_(slope, surprise, value=-1).mul_(eta).add_(1).mul_(weight)
            ctx.save_for_backward(slope.mul_(torch.sub(probabilities, target, out=bce)))
        return means

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        pixels = slope.shape[2] * slope.shape[3]
        return slope * (gradients[0] / pixels)[:, :, None, None], None, None, None


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """``-(T log H + (1 - T) log(1 - H))`` of every pixel, as ``log(1 + exp(-|x|)) + max(x, 0) - x T``.

    torch's own form subtracts numbers of the size of the logit: in the background, where the result is far smaller
    than the logit, only rounding errors are left of it.
    """
    return logits.abs().neg_().exp_().log1p_().add_(logits.clamp_min(0).addcmul_(logits, target, value=-1))
