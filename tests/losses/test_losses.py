"""Losses against float64 numpy."""

import numpy as np
import pytest
import torch

from cellmark.data.batch import Batch
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from cellmark.losses.mse import MSELoss
from cellmark.losses.penalty_reduced_focal import PenaltyReducedFocalLoss, nearest_to_centres


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
    """Pixel by pixel: positive where no neighbour in any class is higher."""
    h, total = 1 / (1 + np.exp(-logits)), 0.0
    for image, label, row, column in np.ndindex(target.shape):
        p, t = h[image, label, row, column], target[image, label, row, column]
        around = target[image, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if t >= 0.1 and t == around.max():
            total -= (1 - p) ** 2 * np.log(p)
        else:
            total -= (1 - t) ** 4 * p**2 * np.log(1 - p)
    return total / max(cells, 1)


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


def test_focal_takes_the_pixel_nearest_to_each_centre():
    points = torch.tensor([[[3.2, 4.4], [8.0, 3.0], [-0.4, 11.3]]])
    labels = torch.tensor([[0, 1, 0]])
    target = GaussianCodec(sigma=1.0).encode(points, labels, torch.ones(1, 3), (12, 12), 1, 2)
    assert nearest_to_centres(target).nonzero().tolist() == [[0, 0, 4, 3], [0, 0, 11, 0], [0, 1, 3, 8]]
    assert not nearest_to_centres(torch.zeros(1, 2, 5, 5)).any()
