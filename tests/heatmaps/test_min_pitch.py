"""Cells too close together are not drawn: a closer look is for them."""

import pytest
import torch

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec


def case():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 20, 2, generator=generator) * 63
    labels = torch.randint(-1, 2, (2, 20), generator=generator)
    return points, labels, torch.rand(2, 20, generator=generator) * 8 + 1


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("unit", ["pixel", "pitch"])
def test_fine_cells_are_left_out_as_if_they_were_not_there(stride, unit):
    points, labels, pitch = case()
    labels[1], pitch[1] = labels[1].abs(), pitch[1] / 10  # an image with fine cells only
    size = (64 // stride, 64 // stride)
    drawn = GaussianCodec(unit=unit, sigma=0.5, min_pitch=4.0).encode(points, labels, pitch, size, stride, 2)
    coarse = labels.masked_fill(pitch < 4, -1)
    expected = GaussianCodec(unit=unit, sigma=0.5).encode(points, coarse, pitch, size, stride, 2)
    assert torch.equal(drawn, expected) and drawn[0].any() and not drawn[1].any()
    everything = GaussianCodec(unit=unit, sigma=0.5).encode(points, labels, pitch, size, stride, 2)
    assert not torch.equal(drawn, everything) and everything[1].any()


def test_the_limit_itself_is_drawn():
    points, labels = torch.tensor([[[8.0, 8.0], [24.0, 24.0]]]), torch.tensor([[0, 0]])
    codec = GaussianCodec(min_pitch=4.0)
    heatmap = codec.encode(points, labels, torch.tensor([[4.0, 3.999]]), (32, 32), 1, 1)
    (peaks,) = codec.decode(heatmap, 1)
    assert peaks.points.tolist() == [[8.0, 8.0]]


def test_nothing_is_left_out_unless_asked_for():
    points, labels, pitch = case()
    codec = GaussianCodec()
    assert codec.min_pitch == 0
    tiny = codec.encode(points, labels, pitch / 1e6, (64, 64), 1, 2)
    assert torch.equal(tiny, codec.encode(points, labels, pitch, (64, 64), 1, 2))


def test_a_negative_limit_is_refused():
    with pytest.raises(CellmarkError, match="min_pitch >= 0"):
        GaussianCodec(min_pitch=-1.0)
