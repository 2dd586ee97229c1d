"""The report's third loss: cell centres and background as two groups of predictions."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cellmark.errors import CellmarkError
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps

ONE_SIGMA = math.exp(-0.5)  # height of a Gaussian one sigma from its centre


class ContrastLoss(Loss):
    """Terms ``push`` (predictions near centres away from those of the background) and ``pull`` (each set together).

    Per image and channel, with the set O1 of pixels where T >= tau and the set O0 of the others, mu1 and mu0 the mean
    prediction h of each:

    ``pull = var(h over O1) / 2 + var(h over O0) / 2``,
    ``push = (sum_O1 max(0, 1 - (mu0 - h)^2) + sum_O0 max(0, 1 - (mu1 - h)^2)) / (|O1| + |O0|)``;

    both summed over channels, mean over the batch. As h, mu1 and mu0 lie in 0..1, no maximum ever takes effect, and

    ``push = 1 - (mu1 - mu0)^2 - (|O1| var1 + |O0| var0) / (|O1| + |O0|)``.

    A set without pixels has no spread, and there is nothing to push the other one from: its variance and the push of
    that channel are 0.
    """

    def __init__(self, push: float = 0.3, pull: float = 0.2, tau: float = ONE_SIGMA) -> None:
        """Sets the weights of the two terms.

        Args:
            push: weight of ``push``, the report's gamma.
            pull: weight of ``pull``, the report's delta.
            tau: least target of a pixel of O1; the default takes those within one sigma of a centre.

        Raises:
            CellmarkError: tau is not in 0..1, or a weight is negative.
        """
        super().__init__({"push": push, "pull": pull})
        if not 0 < tau < 1:
            raise CellmarkError(f"tau of the contrast loss must lie between 0 and 1, got {tau}")
        self.tau = tau

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """``push`` and ``pull`` of the logits ``outputs["heatmap"]`` (B, C, h, w)."""
        h = Maps.of(outputs).probabilities
        inside = (targets.heatmap >= self.tau).to(h)
        n1 = inside.sum(dim=(2, 3))
        n0 = inside[0, 0].numel() - n1
        mean1, mean0, var1, var0 = _Moments.apply(h, inside, n1.clamp_min(1), n0.clamp_min(1))
        within = (n1 * var1 + n0 * var0) / (n1 + n0)
        push = torch.where((n1 > 0) & (n0 > 0), 1 - (mean1 - mean0).square() - within, 0.0)
        pull = (var1 + var0) / 2
        return {"push": push.sum(dim=1).mean(), "pull": pull.sum(dim=1).mean()}


class _Moments(torch.autograd.Function):
    """Mean and variance of h over two sets of pixels.

    Of the derivatives by h, that of a mean is 1 / n, that of a variance 2 (h - mean) / n: two passes, where autograd
    retraces every step.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, inside: Tensor, n1: Tensor, n0: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """``h`` and ``inside`` (0 or 1) are (B, C, h, w), all others (B, C)."""
        part = torch.empty_like(h)  # fresh memory costs more than arithmetic
        mean1, mean0 = _means(h, inside, n1, n0, part)
        deviation = _choose(inside, mean1, mean0)
        torch.sub(h, deviation, out=deviation)
        var1, var0 = _means(deviation.square(), inside, n1, n0, part)
        ctx.save_for_backward(deviation, inside, n1, n0)
        return mean1, mean0, var1, var0

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        deviation, inside, n1, n0 = ctx.saved_tensors
        by_mean1, by_mean0, by_var1, by_var0 = gradients
        slope = _choose(inside, 2 * by_var1 / n1, 2 * by_var0 / n0).mul_(deviation)
        return slope.add_(_choose(inside, by_mean1 / n1, by_mean0 / n0)), None, None, None


def _means(values: Tensor, inside: Tensor, n1: Tensor, n0: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
    """Means (B, C) over the pixels inside and over the others; ``part`` is room to work in."""
    mean1 = torch.mul(values, inside, out=part).sum(dim=(2, 3)) / n1
    return mean1, torch.sub(values, part, out=part).sum(dim=(2, 3)) / n0


def _choose(inside: Tensor, one: Tensor, zero: Tensor) -> Tensor:
    """``one`` (B, C) at the pixels inside, ``zero`` at the others; faster than ``torch.where`` on a CPU."""
    return torch.lerp(zero[:, :, None, None], one[:, :, None, None], inside)
