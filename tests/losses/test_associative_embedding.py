"""Associative embedding against loops over images, classes and cells in float64."""

import math

import numpy as np
import pytest
import torch

from cellmark.losses.associative_embedding import AssociativeEmbeddingLoss, sample
from tests.losses.truth import targets

STRIDE, SIZE = 4, (41, 30)  # the last row and column of the maps cover only a part of a stride


def case(dtype=torch.float64, classes=3, channels=2):
    """Images with three classes, two, one and none, padded to 9 cells."""
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(rng.normal(size=(4, channels, 11, 8))).to(dtype)
    points = torch.from_numpy(rng.uniform((-0.5, -0.5), (SIZE[1] - 0.5, SIZE[0] - 0.5), (4, 9, 2))).float()
    labels = torch.tensor([[0, 1, 2, 0, 1, 2, 2, -1, -1], [2, 0, 0, 2, -1, -1, -1, -1, -1], [1] * 9, [-1] * 9])
    return maps, targets(torch.zeros(4, classes, 11, 8), points=points, labels=labels, size=SIZE, stride=STRIDE)


def bilinear(plane, x, y):
    """Value of (D, h, w) at a point in pixels, the rim continued."""
    x, y = min(max(x, 0), plane.shape[2] - 1), min(max(y, 0), plane.shape[1] - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, plane.shape[2] - 1), min(top + 1, plane.shape[1] - 1)
    upper = plane[:, top, left] * (left + 1 - x) + plane[:, top, right] * (x - left)
    lower = plane[:, bottom, left] * (left + 1 - x) + plane[:, bottom, right] * (x - left)
    return upper * (top + 1 - y) + lower * (y - top)


def reference(maps, truth):
    pulls, pushes = [], []
    for plane, points, labels in zip(maps, truth.batch.points.double(), truth.batch.labels, strict=True):
        tags = {}
        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True):
            if label >= 0:
                value = bilinear(plane, (x + 0.5) / STRIDE - 0.5, (y + 0.5) / STRIDE - 0.5)
                tags.setdefault(label, []).append(value)
        means = {label: np.mean(group, axis=0) for label, group in tags.items()}
        if tags:
            spreads = [np.mean([((e - means[k]) ** 2).sum() for e in group]) for k, group in tags.items()]
            pulls.append(np.mean(spreads))
        pairs = [(a, b) for a in tags for b in tags if a != b]
        if pairs:
            pushes.append(np.mean([math.exp(-((means[a] - means[b]) ** 2).sum() / 2) for a, b in pairs]))
    return {"embedding_push": np.mean(pushes), "embedding_pull": np.mean(pulls)}


@pytest.mark.parametrize(("dtype", "agreement"), [(torch.float64, 1e-9), (torch.float32, 1e-6)])
def test_equals_the_formula(dtype, agreement):
    maps, truth = case(dtype)
    terms = AssociativeEmbeddingLoss().terms({"embedding": maps}, truth)
    expected = reference(maps.double().numpy(), truth)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=agreement)


def test_gradients():
    maps, truth = case()
    loss = AssociativeEmbeddingLoss(push=0.3, pull=0.7)
    assert torch.autograd.gradcheck(lambda x: loss({"embedding": x}, truth), maps.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 80.0])
@pytest.mark.parametrize("empty", [False, True])
def test_finite(dtype, scale, empty):
    maps, truth = case()
    maps = (maps.sign() * scale).to(dtype).requires_grad_()
    if empty:
        truth.batch.labels.fill_(-1)
    value = AssociativeEmbeddingLoss()({"embedding": maps}, truth)
    value.backward()
    assert torch.isfinite(value) and torch.isfinite(maps.grad).all()
    assert not empty or value == 0


def test_one_class_per_image_pushes_nothing():
    maps, truth = case()
    truth.batch.labels.clamp_(max=0)
    terms = AssociativeEmbeddingLoss().terms({"embedding": maps}, truth)
    assert terms["embedding_push"] == 0 and terms["embedding_pull"] > 0


def test_values_are_read_at_the_exact_place():
    """A map that holds its own coordinates gives back the point, clamped to the centres of the rim."""
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing="ij")
    points = torch.tensor([[[2.25, 3.5], [0.0, 5.0], [-0.4, 2.0], [8.3, 5.4]]])
    expected = torch.tensor([[[2.25, 3.5], [0.0, 5.0], [0.0, 2.0], [8.0, 5.0]]])
    assert torch.allclose(sample(torch.stack([columns, rows])[None], points), expected, atol=2e-6)
