"""The head that tells where codes are and how large: how its maps are read."""

import math

import numpy as np
import pytest
import torch

from cellmark.heatmaps.scale import BIN, log_pitch, read_scale, speaker


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(64, 96), (83, 61), (16, 9)])
def test_every_square_is_read_next_to_its_middle(stride, size):
    """Maps whose values tell their own place: x in the first, y in the second."""
    rows, cols = (math.ceil(length / stride) for length in size)
    at_x, at_y = ((np.arange(count) + 0.5) * stride - 0.5 for count in (cols, rows))  # in pixels of the input
    maps = torch.from_numpy(np.stack(np.broadcast_arrays(at_x / 100, at_y[:, None] / 100))[None])
    presence, pitch = read_scale(maps, stride)
    x, y = 100 * torch.logit(presence.double()), 100 * torch.log2(pitch.double() / 8)
    assert x.shape[1] in (size[0] // BIN, math.ceil(size[0] / BIN))
    assert x.shape[2] in (size[1] // BIN, math.ceil(size[1] / BIN))
    for row, col in np.ndindex(x.shape[1:]):
        assert x[0, row, col].item() == pytest.approx(col * BIN + speaker(stride), abs=1e-3)
        assert y[0, row, col].item() == pytest.approx(row * BIN + speaker(stride), abs=1e-3)
    assert abs(speaker(stride) - (BIN - 1) / 2) <= stride / 2


def test_pitches_and_back():
    pitch = torch.tensor([1.0, 5.5, 8.0, 64.0])
    assert log_pitch(torch.tensor([4.0, 8.0, 16.0])).tolist() == [-1, 0, 1]
    maps = torch.stack([torch.zeros(4), log_pitch(pitch)]).view(1, 2, 1, 4)
    presence, read = read_scale(maps, 8)
    assert presence.flatten().tolist() == [0.5] * 4
    torch.testing.assert_close(read.flatten(), pitch)


def test_half_precision_is_read_in_single():
    presence, pitch = read_scale(torch.full((1, 2, 4, 4), 3.0, dtype=torch.bfloat16), 8)
    assert presence.dtype == pitch.dtype == torch.float32
    assert presence[0, 0, 0].item() == pytest.approx(1 / (1 + math.exp(-3))) and pitch[0, 0, 0] == 64
