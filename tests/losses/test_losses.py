"""Losses on heatmaps against float64 numpy, written from the formulas pixel by pixel."""

import math

import numpy as np
import pytest
import torch

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.losses.contrast import ContrastLoss
from cellmark.losses.focal import FocalLoss
from cellmark.losses.mse import MSELoss
from cellmark.losses.penalty_reduced_focal import PenaltyReducedFocalLoss, nearest_to_centres
from tests.losses.truth import targets


def maps(dtype=torch.float32, seed=0, scale=4):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 9, 7, generator=generator, dtype=torch.float64) * scale
    return logits.to(dtype), torch.rand(2, 3, 9, 7, generator=generator, dtype=torch.float64).to(dtype)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mse_reference(logits, target, cells):
    return {"mse": ((sigmoid(logits) - target) ** 2).mean(axis=(2, 3)).sum(axis=1).mean()}


def focal_reference(logits, target, cells, zeta=0.25, eta=2.0):
    total = 0.0
    for place in np.ndindex(target.shape):
        h, t = sigmoid(logits[place]), target[place]
        bce = -(t * math.log(h) + (1 - t) * math.log(1 - h))
        total += zeta * (1 - math.exp(-bce)) ** eta * bce
    return {"focal": total / (len(target) * target[0, 0].size)}


def contrast_reference(logits, target, cells, tau=0.6065306597126334):
    push = pull = 0.0
    for image, channel in np.ndindex(target.shape[:2]):
        h, t = sigmoid(logits[image, channel]), target[image, channel]
        one, zero = h[t >= tau], h[t < tau]
        pull += sum(((part - part.mean()) ** 2).mean() / 2 for part in (one, zero) if part.size)
        if one.size and zero.size:
            margins = np.concatenate([1 - (zero.mean() - one) ** 2, 1 - (one.mean() - zero) ** 2])
            push += np.maximum(margins, 0).sum() / h.size
    return {"push": push / len(target), "pull": pull / len(target)}


def penalty_reduced_reference(logits, target, cells):
    """Positive where no neighbour in any class is higher."""
    h, total = sigmoid(logits), 0.0
    for image, label, row, column in np.ndindex(target.shape):
        p, t = h[image, label, row, column], target[image, label, row, column]
        around = target[image, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if t >= 0.1 and t == around.max():
            total -= (1 - p) ** 2 * np.log(p)
        else:
            total -= (1 - t) ** 4 * p**2 * np.log(1 - p)
    return {"penalty_reduced_focal": total / max(cells, 1)}


CASES = [
    (MSELoss(), mse_reference),
    (FocalLoss(), focal_reference),
    (FocalLoss(zeta=0.7, eta=1.5), lambda *truth: focal_reference(*truth, zeta=0.7, eta=1.5)),
    (FocalLoss(eta=0.0), lambda *truth: focal_reference(*truth, eta=0.0)),
    (ContrastLoss(), contrast_reference),
    (ContrastLoss(tau=0.3), lambda *truth: contrast_reference(*truth, tau=0.3)),
    (PenaltyReducedFocalLoss(), penalty_reduced_reference),
]
LOSSES = [loss for loss, _ in CASES]


@pytest.mark.parametrize(("loss", "reference"), CASES)
@pytest.mark.parametrize(("dtype", "agreement"), [(torch.float32, 1e-6), (torch.float64, 1e-9)])
@pytest.mark.parametrize("cells", [0, 5])
def test_equals_the_formula(loss, reference, dtype, agreement, cells):
    logits, target = maps(dtype)
    truth = reference(logits.double().numpy(), target.double().numpy(), cells)
    terms = loss.terms({"heatmap": logits}, targets(target, cells))
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(truth, rel=agreement)
    total = sum(loss.weights[name] * value for name, value in truth.items())
    assert loss({"heatmap": logits}, targets(target, cells)).item() == pytest.approx(total, rel=agreement)


@pytest.mark.parametrize(("loss", "reference"), [case for case in CASES if not isinstance(case[0], ContrastLoss)])
def test_equals_the_formula_where_nearly_all_is_right(loss, reference):
    """Confident logits on a sparse target: what is left is far smaller than the logits.

    Not so the contrast loss: float32 probabilities near 1 are 6e-8 apart, too far for their variance of 1e-6.
    """
    generator = torch.Generator().manual_seed(3)
    target = (torch.rand(2, 3, 9, 7, generator=generator) > 0.9).float()
    logits = 12 * target - 6 + torch.rand(target.shape, generator=generator)
    truth = reference(logits.double().numpy(), target.double().numpy(), 5)
    terms = loss.terms({"heatmap": logits}, targets(target))
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients(loss):
    """The contrast loss has no kinks: its maxima never take effect."""
    logits, target = maps(torch.float64, scale=2)
    logits[0, 0, 0, :3] = torch.tensor([0.0, 30.0, -30.0], dtype=torch.float64)
    target[1, 0], target[1, 1] = 0.0, 1.0  # an empty set each
    truth = targets(target)
    for term in loss.weights:
        assert torch.autograd.gradcheck(
            lambda x, term=term: loss.terms({"heatmap": x}, truth)[term], logits.clone().requires_grad_()
        )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("fill", [None, 0.0, 1.0])
def test_finite_at_extreme_logits_and_targets(loss, dtype, fill):
    logits = torch.tensor([-80.0, 80.0, 0.0, 400.0, -400.0]).repeat(2, 2, 4, 1).to(dtype).requires_grad_()
    target = torch.rand(2, 2, 4, 5) if fill is None else torch.full((2, 2, 4, 5), fill)
    value = loss({"heatmap": logits}, targets(target, cells=0))
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(logits.grad).all()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision_logits_give_what_their_values_give(loss):
    logits, target = maps()
    half = logits.bfloat16()
    truth = targets(target)
    assert torch.equal(loss({"heatmap": half}, truth), loss({"heatmap": half.float()}, truth))


def test_a_map_without_a_second_set_has_nothing_to_push():
    logits, target = maps()
    for fill in (0.0, 1.0):
        terms = ContrastLoss().terms({"heatmap": logits}, targets(torch.full_like(target, fill)))
        assert terms["push"] == 0
        assert terms["pull"].item() == pytest.approx(logits.sigmoid().var((2, 3), correction=0).sum(1).mean() / 2)


def test_contrast_takes_pixels_within_one_sigma():
    points, labels = torch.tensor([[[5.3, 6.1]]]), torch.tensor([[0]])
    heatmap = GaussianCodec(sigma=2.0).encode(points, labels, torch.ones(1, 1), (12, 12), 1, 1)
    rows, columns = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    near = (columns - 5.3) ** 2 + (rows - 6.1) ** 2 <= 4
    best = 80.0 * (2 * near.float() - 1)[None, None]
    terms = ContrastLoss().terms({"heatmap": best}, targets(heatmap))
    assert terms == {"push": 0, "pull": 0}


@pytest.mark.parametrize(
    "build",
    [
        lambda: ContrastLoss(push=-1),
        lambda: ContrastLoss(pull=math.nan),
        lambda: ContrastLoss(tau=1.0),
        lambda: FocalLoss(zeta=-1),
        lambda: FocalLoss(eta=math.inf),
        lambda: PenaltyReducedFocalLoss(focus=-2),
    ],
)
def test_settings_that_cannot_work_are_refused(build):
    with pytest.raises(CellmarkError, match=r"must (be a number of at least 0|lie between 0 and 1), got"):
        build()


def test_focal_takes_the_pixel_nearest_to_each_centre():
    points = torch.tensor([[[3.2, 4.4], [8.0, 3.0], [-0.4, 11.3]]])
    labels = torch.tensor([[0, 1, 0]])
    target = GaussianCodec(sigma=1.0).encode(points, labels, torch.ones(1, 3), (12, 12), 1, 2)
    assert nearest_to_centres(target).nonzero().tolist() == [[0, 0, 4, 3], [0, 0, 11, 0], [0, 1, 3, 8]]
    assert not nearest_to_centres(torch.zeros(1, 2, 5, 5)).any()
