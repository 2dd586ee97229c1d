"""Average precision against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.average_precision import HeatmapAP, average_precision, reached_by_buckets, reached_by_sorting
from tests.metrics.scenes import batch, lattice, sample

RNG = np.random.default_rng(0)
SHAPE = (512, 512)
BLOBS = (
    GaussianCodec(2.0)
    .encode(
        torch.tensor(lattice(24, 24, 20.0), dtype=torch.float32)[None],
        torch.zeros(1, 576, dtype=torch.int64),
        torch.ones(1, 576),
        SHAPE,
        1,
        1,
    )[0, 0]
    .numpy()
)
NOISE = RNG.random(SHAPE, np.float32)
LOGITS = 8 * BLOBS - 4 + RNG.normal(0, 1, SHAPE)
SIGMOID = 1 / (1 + np.exp(-LOGITS))
ALONE = np.zeros(SHAPE, np.float32)
ALONE[100, 200] = 0.5

MAPS = {
    "random": (NOISE, BLOBS),
    "trained": (SIGMOID, BLOBS),
    "perfect": (BLOBS, BLOBS),
    "inverted": (1 - BLOBS, BLOBS),
    "tied": (np.round(16 * SIGMOID) / 16, BLOBS),
    "saturated": (1 / (1 + np.exp(-40 * LOGITS)), BLOBS),
    "hard zeros and ones": ((SIGMOID > 0.5), BLOBS),
    "all equal": (np.full(SHAPE, 0.5), BLOBS),
    "all zero": (np.zeros(SHAPE), BLOBS),
    "narrow": (0.5 + 1e-5 * NOISE, BLOBS),
    "tiny": (1e-30 * NOISE, BLOBS),
    "single positive": (SIGMOID, ALONE),
    "all positive": (NOISE, np.ones(SHAPE)),
    "256 x 256": (SIGMOID[::2, ::2], BLOBS[::2, ::2]),
}


@pytest.mark.parametrize("name", MAPS)
def test_whole_maps_agree_with_sklearn(name):
    scores, positive = MAPS[name][0].astype(np.float32).ravel(), MAPS[name][1].ravel() >= 0.5
    expected = average_precision_score(positive, scores)
    tensors = torch.from_numpy(scores), torch.from_numpy(positive)
    assert average_precision(*tensors).item() == pytest.approx(expected, abs=1e-6)
    for ours, same in zip(reached_by_buckets(*tensors), reached_by_sorting(*tensors), strict=True):
        assert torch.equal(ours, same)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40), st.booleans())
@settings(max_examples=150, deadline=None)
def test_ties_agree_with_sklearn(pixels, spread):
    ranks, positive = np.array(pixels).T
    positive = positive.astype(bool)
    positive[0] = True
    scores = (np.float32(0.1) ** ranks if spread else ranks / np.float32(9)).astype(np.float32)
    expected = average_precision_score(positive, scores)
    assert average_precision(torch.from_numpy(scores), torch.from_numpy(positive)).item() == pytest.approx(
        expected, abs=1e-6
    )


def test_negative_zero_is_zero():
    scores, positive = torch.tensor([-0.0, 0.0, 0.5, -0.0]), torch.tensor([False, True, True, True])
    expected = average_precision_score(positive.numpy(), scores.numpy())
    assert average_precision(scores, positive).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_has_no_precision(bad):
    assert average_precision(torch.tensor([0.5, bad, 0.2]), torch.tensor([True, False, True])).isnan()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_gpu_agrees_with_cpu():
    for scores, target in MAPS.values():
        tensors = torch.from_numpy(scores.astype(np.float32).ravel()), torch.from_numpy(target.ravel() >= 0.5)
        found = average_precision(*(tensor.cuda() for tensor in tensors))
        assert found.device.type == "cuda"
        assert found.item() == pytest.approx(average_precision(*tensors).item(), abs=1e-6)


def measured(prediction, target, folders, cut):
    metric = HeatmapAP(["black", "white"], ["a", "b", "c"])
    for part in (slice(0, cut), slice(cut, None)):
        truth = batch(*(sample([], folder) for folder in folders[part]))
        metric.update(prediction[part], [], Targets(target[part], truth, 1))
    return {key: value.item() for key, value in metric.compute().items()}


def test_means_over_the_images_with_positives_then_over_channels():
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.rand(5, 2, 16, 24, generator=generator) for _ in range(2))
    target[1, 0], target[3], target[4, 1] = 0, 0, 0.49  # folder c, image 3, has no positive pixel at all
    folders = ["a", "b", "a", "c", "b"]
    each = np.full((5, 2), np.nan)
    for image, channel in np.argwhere(np.asarray(target >= 0.5).any(axis=(2, 3))):
        pixels = target[image, channel].numpy().ravel() >= 0.5, prediction[image, channel].numpy().ravel()
        each[image, channel] = average_precision_score(*pixels)
    values = measured(prediction, target, folders, 2)
    black, white = np.nanmean(each, axis=0)
    assert values["ap"] == pytest.approx((black + white) / 2, abs=1e-6)
    assert values["ap/black"] == pytest.approx(black, abs=1e-6)
    assert values["ap/white"] == pytest.approx(white, abs=1e-6)
    assert values["ap/a"] == pytest.approx(each[[0, 2]].mean(), abs=1e-6)
    assert values["ap/b"] == pytest.approx((each[4, 0] + each[1, 1]) / 2, abs=1e-6)
    assert np.isnan(values["ap/c"])
    assert set(values) == {"ap", "ap/black", "ap/white", "ap/a", "ap/b", "ap/c"}


def test_a_diverged_channel_is_not_hidden_by_the_other():
    prediction, target = torch.rand(1, 2, 8, 8), torch.ones(1, 2, 8, 8)
    prediction[0, 1, 3, 3] = torch.nan
    metric = HeatmapAP(["black", "white"], ["a"])
    metric.update(prediction, [], Targets(target, batch(sample([])), 1))
    values = metric.compute()
    assert values["ap"].isnan()
    assert values["ap/black"].item() == 1
