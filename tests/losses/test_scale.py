"""Presence and pitch against loops over squares and cells in float64."""

import math

import numpy as np
import pytest
import torch

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.scale import read_scale
from cellmark.losses.scale import ScaleLoss, scale_targets
from tests.losses.truth import targets

SIZE = (83, 61)  # pixels of the input: neither a multiple of the squares nor of the strides
STRIDES = [1, 2, 4, 8]


def truth(stride, seed=0):
    """Images with many cells, one at the rim, and none, padded to 12 cells; pitches from very fine to coarse."""
    rng = np.random.default_rng(seed)
    points = rng.uniform((-0.5, -0.5), (SIZE[1] - 0.5, SIZE[0] - 0.5), (3, 12, 2))
    points[1, 0] = -0.5, SIZE[0] - 0.5
    labels = rng.integers(0, 2, (3, 12))
    labels[0, 9:] = labels[1, 1:] = labels[2] = -1
    made = targets(
        torch.zeros(3, 2, *map_size(stride)),
        points=torch.from_numpy(points).float(),
        labels=torch.from_numpy(labels),
        size=SIZE,
        stride=stride,
    )
    made.batch.pitch = torch.from_numpy(rng.uniform(1, 30, (3, 12))).float()
    return made


def map_size(stride):
    return math.ceil(SIZE[0] / stride), math.ceil(SIZE[1] / stride)


def speakers(stride):
    """Pixels of the maps that speak for the squares of 8 pixels, down and across."""
    return [range(8 // stride // 2, length, 8 // stride) for length in map_size(stride)]


def reference(batch, stride):
    """Whether each square is within a code, and its mean log pitch."""
    down, across = speakers(stride)
    inside, pitch = np.zeros((2, len(batch), len(down), len(across)))
    for image, row, col in np.ndindex(inside.shape):
        x, y = (across[col] + 0.5) * stride - 0.5, (down[row] + 0.5) * stride - 0.5
        near = [
            math.log2(p / 8)
            for point, label, p in zip(
                batch.points[image].tolist(), batch.labels[image].tolist(), batch.pitch[image].tolist(), strict=True
            )
            if label >= 0 and math.dist(point, (x, y)) <= 0.8 * p
        ]
        if near:
            inside[image, row, col], pitch[image, row, col] = 1, np.mean(near)
    return inside, pitch


def random_maps(stride, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 2, *map_size(stride), generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_truth_equals_a_loop_over_squares_and_cells(stride, seed):
    made = truth(stride, seed)
    expected, pitches = reference(made.batch, stride)
    inside, pitch = scale_targets(made.batch, expected.shape[1:], stride)
    assert inside.dtype == torch.bool and 0.05 < expected[0].mean() < 0.95 and expected[1].any() and not inside[2].any()
    np.testing.assert_array_equal(inside.numpy(), expected == 1)
    np.testing.assert_allclose(pitch.numpy(), pitches, atol=1e-6)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula(stride, dtype):
    made, maps = truth(stride), random_maps(stride, dtype)
    inside, pitch = reference(made.batch, stride)
    down, across = speakers(stride)
    values = maps.double().numpy()[:, :, down][..., across]
    h = 1 / (1 + np.exp(-values[:, 0]))
    expected = {
        "presence": -(inside * np.log(h) + (1 - inside) * np.log(1 - h)).mean(),
        "pitch": np.abs(values[:, 1] - pitch)[inside == 1].mean(),
    }
    loss = ScaleLoss(presence=0.7, pitch=0.2)
    terms = loss.terms({"scale": maps}, made)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-6)
    total = 0.7 * expected["presence"] + 0.2 * expected["pitch"]
    assert loss({"scale": maps}, made).item() == pytest.approx(total, rel=1e-6)


def test_gradients():
    made, loss = truth(8), ScaleLoss(presence=0.3, pitch=0.7)
    assert torch.autograd.gradcheck(lambda x: loss({"scale": x}, made), random_maps(8).requires_grad_())


@pytest.mark.parametrize("stride", STRIDES)
def test_what_is_trained_is_what_is_read(stride):
    """The reader looks at the pixels that have a gradient, and maps that hold the truth read as the truth."""
    made, maps = truth(stride), random_maps(stride).requires_grad_()
    made.batch.labels[:] = 0
    made.batch.pitch[:] = 70.0  # everything is within a code
    (trained,) = torch.autograd.grad(ScaleLoss()({"scale": maps}, made), maps)
    presence, pitch = read_scale(maps, stride)
    (read,) = torch.autograd.grad(presence.sum() + pitch.sum(), maps)
    assert torch.equal(trained != 0, read != 0)

    inside, log_pitch = scale_targets(made.batch, presence.shape[1:], stride)
    down, across = speakers(stride)
    perfect = torch.full(maps.shape, 99.0)
    for row, col in np.ndindex(inside.shape[1:]):
        perfect[:, 0, down[row], across[col]] = 200.0 * inside[:, row, col] - 100
        perfect[:, 1, down[row], across[col]] = log_pitch[:, row, col]
    assert ScaleLoss()({"scale": perfect}, made) < 1e-30
    torch.testing.assert_close(read_scale(perfect, stride)[1], torch.full(presence.shape, 70.0))


def test_cells_too_fine_to_be_drawn_still_count():
    places = torch.stack(torch.meshgrid(torch.arange(20), torch.arange(20), indexing="ij"), dim=-1).reshape(1, -1, 2)
    made = targets(
        torch.zeros(1, 2, 32, 32), points=places * 1.5 + 16, labels=torch.zeros(1, 400).long(), size=(64, 64), stride=2
    )
    made.batch.pitch = torch.full((1, 400), 1.5)
    batch = made.batch
    assert not GaussianCodec(min_pitch=4).encode(batch.points, batch.labels, batch.pitch, (32, 32), 2, 2).any()
    inside, pitch = scale_targets(batch, (8, 8), 2)
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:6, 2:6] = True  # middles 20.5 to 44.5, cells 16 to 44.5
    assert torch.equal(inside[0], expected)
    torch.testing.assert_close(pitch[inside], torch.full((16,), math.log2(1.5 / 8)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 90.0])
@pytest.mark.parametrize("empty", [False, True])
def test_finite(dtype, scale, empty):
    made, maps = truth(4), (random_maps(4).sign() * scale).to(dtype).requires_grad_()
    if empty:
        made.batch.labels.fill_(-1)
    terms = ScaleLoss().terms({"scale": maps}, made)
    value = ScaleLoss().total(terms)
    value.backward()
    assert value.dtype == torch.float32 and torch.isfinite(value) and torch.isfinite(maps.grad).all()
    assert (terms["pitch"] == 0) == empty


@pytest.mark.parametrize(("channels", "stride"), [(1, 4), (3, 4), (2, 16), (2, 3)])
def test_maps_that_cannot_work_are_refused(channels, stride):
    made = targets(torch.zeros(1, 2, 8, 8), size=(64, 64), stride=stride)
    with pytest.raises(CellmarkError, match=f"needs 2 maps at a stride that divides 8, got {channels} at {stride}"):
        ScaleLoss().terms({"scale": torch.zeros(1, channels, 8, 8)}, made)


@pytest.mark.parametrize("weights", [{"presence": -1.0}, {"pitch": math.nan}])
def test_weights_that_cannot_work_are_refused(weights):
    with pytest.raises(CellmarkError, match="ScaleLoss: the weight of p"):
        ScaleLoss(**weights)
