"""Losses against float64 numpy."""

import numpy as np
import pytest
import torch

from cellmark.data.batch import Batch
from cellmark.heatmaps.targets import Targets
from cellmark.losses.mse import MSELoss
from cellmark.losses.penalty_reduced_focal import PenaltyReducedFocalLoss


def targets(heatmap: torch.Tensor, cells: int = 5) -> Targets:
    count = len(heatmap)
    labels = torch.full((count, 8), -1)
    labels[0, :cells] = 0
    blank = torch.zeros(count, 8, 2)
    return Targets(heatmap, Batch(torch.zeros(count, 3, 8, 8), blank, labels, blank[..., 0], [], [], []))


def maps(dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 9, 7, generator=generator, dtype=dtype) * 4
    return logits, torch.rand(2, 3, 9, 7, generator=generator, dtype=dtype)


def mse_reference(logits, target, cells):
    h = 1 / (1 + np.exp(-logits))
    return ((h - target) ** 2).mean(axis=(2, 3)).sum(axis=1).mean()


def focal_reference(logits, target, cells):
    h = 1 / (1 + np.exp(-logits))
    each = target**4 * (1 - h) ** 2 * np.log(h) + (1 - target) ** 4 * h**2 * np.log(1 - h)
    return -each.sum() / max(cells, 1)


CASES = [(MSELoss(), mse_reference), (PenaltyReducedFocalLoss(), focal_reference)]


@pytest.mark.parametrize(("loss", "reference"), CASES)
@pytest.mark.parametrize("cells", [0, 5])
def test_equals_the_formula(loss, reference, cells):
    logits, target = maps()
    value = loss({"heatmap": logits}, targets(target, cells)).item()
    assert value == pytest.approx(reference(logits.double().numpy(), target.double().numpy(), cells), rel=1e-5)


@pytest.mark.parametrize("loss", [MSELoss(), PenaltyReducedFocalLoss()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finite_at_extreme_logits(loss, dtype):
    logits = torch.tensor([-80.0, 80.0, 0.0]).repeat(2, 2, 4, 1).to(dtype).requires_grad_()
    value = loss({"heatmap": logits}, targets(torch.rand(2, 2, 4, 3), cells=0))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(logits.grad).all()


def test_focal_is_least_where_the_target_says():
    """At T = 1 the best prediction is 1, at T = 0 it is 0, and in between it rises with T."""
    target = torch.linspace(0, 1, 11).view(1, 1, 1, 11)
    logits = torch.zeros(1, 1, 1, 11, requires_grad=True)
    optimizer, loss = torch.optim.Adam([logits], 0.1), PenaltyReducedFocalLoss()
    for _ in range(400):
        optimizer.zero_grad()
        loss({"heatmap": logits}, targets(target)).backward()
        optimizer.step()
    best = logits.detach().sigmoid().flatten()
    assert (best.diff() > 0).all() and best[0] < 0.05 and best[-1] > 0.95
    assert best[5].item() == pytest.approx(0.5, abs=0.01)
