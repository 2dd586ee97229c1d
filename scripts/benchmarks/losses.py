"""The report's three losses together, beside a loop over images and channels."""

import math
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.timing import Row, milliseconds
from cellmark.data.batch import Batch
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from cellmark.losses.contrast import ContrastLoss
from cellmark.losses.focal import FocalLoss
from cellmark.losses.mse import MSELoss
from cellmark.losses.weighted_sum import WeightedSum

BATCH, CELLS, SIZE, CLASSES = 8, 1000, 512, 2
TAU = math.exp(-0.5)


def rows() -> list[Row]:
    """Forward and backward of MSE + focal + contrast, per image of 512x512 with two channels, in batches of 8."""
    generator = torch.Generator().manual_seed(0)
    targets = _targets(generator)
    noise = torch.randn(targets.heatmap.shape, generator=generator)
    logits = (8 * targets.heatmap - 4 + noise).requires_grad_()
    loss = WeightedSum(
        {"mse": MSELoss(), "focal": FocalLoss(), "contrast": ContrastLoss()},
        {"mse": 1.0, "focal": 0.5, "contrast": 1.0},
    )

    def ours() -> None:
        logits.grad = None
        loss({"heatmap": logits}, targets).backward()

    def plain() -> None:
        logits.grad = None
        plain_loss(logits, targets.heatmap).backward()  # type: ignore[no-untyped-call]

    times = milliseconds(ours, 15) / BATCH, milliseconds(plain, 5) / BATCH
    return [Row("MSE + focal + contrast, an image of 512x512", times[0], "at most 12", times[1], "ms")]


def plain_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The report's formulas, one map after another."""
    total = logits.new_zeros(())
    for image in range(len(logits)):
        for channel in range(logits.shape[1]):
            h, t = logits[image, channel].sigmoid(), target[image, channel]
            bce = functional.binary_cross_entropy(h, t, reduction="none")
            focal = (0.25 * (1 - torch.exp(-bce)) ** 2 * bce).mean()
            one, zero = h[t >= TAU], h[t < TAU]
            pull = one.var(correction=0) / 2 + zero.var(correction=0) / 2
            push = (1 - (zero.mean() - one) ** 2).clamp_min(0).sum() + (1 - (one.mean() - zero) ** 2).clamp_min(0).sum()
            total = total + ((h - t) ** 2).mean() + 0.5 * focal + 0.3 * push / h.numel() + 0.2 * pull
    return total / len(logits)


def _targets(generator: torch.Generator) -> Targets:
    """Heatmaps of 1000 cells an image, sigma 2."""
    points = torch.rand(BATCH, CELLS, 2, generator=generator) * (SIZE - 1)
    labels = torch.randint(CLASSES, (BATCH, CELLS), generator=generator)
    pitch = torch.full((BATCH, CELLS), 10.0)
    batch = Batch(
        images=torch.zeros(BATCH, 3, SIZE, SIZE),
        points=points,
        labels=labels,
        pitch=pitch,
        places=torch.zeros(BATCH, CELLS, 2, dtype=torch.int64),
        grids=[()] * BATCH,
        folders=["bench"] * BATCH,
        paths=[Path("bench.png")] * BATCH,
        image_ids=list(range(BATCH)),
    )
    return Targets(GaussianCodec(2.0).encode(points, labels, pitch, (SIZE, SIZE), 1, CLASSES), batch, 1)
