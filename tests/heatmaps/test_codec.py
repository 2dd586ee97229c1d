"""The codec against a slow float64 reference, and as a round trip."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.coordinates import resize_points
from cellmark.heatmaps.codec import GaussianCodec, Peaks

CODEC = GaussianCodec(sigma=2.0)


def reference(points, labels, sigma, size, stride, classes):
    """The formula, pixel by pixel, in float64."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float64)
    maps = np.zeros((classes, *size))
    for (x, y), label, s in zip((points.astype(np.float64) + 0.5) / stride - 0.5, labels, sigma, strict=True):
        if label >= 0:
            value = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * s**2))
            maps[label] = np.maximum(maps[label], value)
    return maps


def round_trip(points, labels, size, stride, codec=CODEC, pitch=None) -> Peaks:
    xy = torch.tensor(np.asarray(points), dtype=torch.float32)[None]
    pitch = torch.ones(xy.shape[:2]) if pitch is None else pitch
    heatmap = codec.encode(xy, torch.tensor(np.asarray(labels))[None], pitch, size, stride, 2)
    return codec.decode(heatmap, stride)[0]


def worst_distance(points, labels, peaks: Peaks) -> float:
    """Largest distance of a point to the nearest peak of its class; the numbers must agree."""
    assert len(peaks.points) == len(points)
    distance = torch.cdist(torch.tensor(np.asarray(points), dtype=torch.float64), peaks.points.double())
    distance[torch.tensor(np.asarray(labels))[:, None] != peaks.labels[None]] = torch.inf
    assert distance.argmin(dim=1).unique().numel() == len(points)
    return distance.amin(dim=1).max().item()


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("unit", ["pixel", "pitch"])
def test_encode_equals_the_formula(stride, unit):
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 63.5, (3, 12, 2)).astype(np.float32)
    labels = rng.integers(-1, 2, (3, 12))
    pitch = rng.uniform(4, 30, (3, 12)).astype(np.float32)
    codec = GaussianCodec(sigma=2.0 if unit == "pixel" else 0.25, unit=unit)
    size = (64 // stride, 64 // stride)
    heatmap = codec.encode(torch.from_numpy(points), torch.from_numpy(labels), torch.from_numpy(pitch), size, stride, 2)
    sigma = np.full((3, 12), 2.0) if unit == "pixel" else np.maximum(0.25 * pitch / stride, 0.7)
    for image in range(3):
        expected = reference(points[image], labels[image], sigma[image], size, stride, 2)
        np.testing.assert_allclose(heatmap[image].numpy(), expected, atol=1e-5)


def test_a_batch_without_points_is_empty():
    labels = torch.full((2, 3), -1)
    heatmap = CODEC.encode(torch.zeros(2, 3, 2), labels, torch.ones(2, 3), (8, 8), 1, 2)
    assert heatmap.shape == (2, 2, 8, 8) and not heatmap.any()
    assert [len(peaks.points) for peaks in CODEC.decode(heatmap, 1)] == [0, 0]


@pytest.mark.parametrize("stride", [1, 2, 4])
@given(x=st.floats(-0.5, 127.4), y=st.floats(-0.5, 95.4), label=st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_round_trip_of_any_place_borders_included(stride, x, y, label):
    peaks = round_trip([[x, y]], [label], (96 // stride, 128 // stride), stride)
    assert worst_distance([[x, y]], [label], peaks) < 0.05


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("x", [-0.5, -0.3, 0.0, 0.4, 30.0, 31.5, 62.7, 63.4])
@pytest.mark.parametrize("y", [-0.5, 0.0, 0.2, 31.5, 63.0, 63.4])
def test_round_trip_on_edges_corners_and_between_pixels(stride, x, y):
    peaks = round_trip([[x, y]], [1], (64 // stride, 64 // stride), stride)
    assert worst_distance([[x, y]], [1], peaks) < 0.05


@pytest.mark.parametrize("stride", [1, 2, 4])
@given(shift_x=st.floats(0, 1), shift_y=st.floats(0, 1), angle=st.floats(0, 1.5707), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_round_trip_of_cells_four_heatmap_pixels_apart(stride, shift_x, shift_y, angle, seed):
    """At stride 1 these are cells 4 px apart; classes are mixed at random."""
    steps = np.stack(np.meshgrid(np.arange(-5, 6), np.arange(-5, 6)), axis=-1).reshape(-1, 2) * 4.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centres = steps @ turn.T + 36 + [shift_x, shift_y]
    points = resize_points(centres, (stride, stride))
    labels = np.random.default_rng(seed).integers(0, 2, len(points))
    peaks = round_trip(points, labels, (72, 72), stride)
    assert worst_distance(points, labels, peaks) < 0.05


def test_round_trip_with_sigma_in_pitches():
    codec = GaussianCodec(sigma=0.25, unit="pitch")
    points = np.array([[20.3, 20.6], [40.1, 20.2], [100.7, 99.2], [105.9, 99.4]])
    pitch = torch.tensor([[19.8, 19.8, 5.2, 5.2]])
    peaks = round_trip(points, [0, 1, 1, 0], (64, 64), 2, codec, pitch)
    assert worst_distance(points, [0, 1, 1, 0], peaks) < 0.05


def test_peaks_are_sorted_and_thresholded():
    heatmap = torch.zeros(1, 2, 16, 16)
    heatmap[0, 0, 4, 4], heatmap[0, 1, 10, 10], heatmap[0, 1, 2, 12] = 0.5, 0.9, 0.2
    (peaks,) = CODEC.decode(heatmap, 1)
    assert peaks.scores.tolist() == pytest.approx([0.9, 0.5])
    assert peaks.labels.tolist() == [1, 0]


def test_one_cell_has_one_class():
    heatmap = torch.zeros(1, 2, 16, 16)
    heatmap[0, 0, 8, 8], heatmap[0, 1, 8, 9] = 0.6, 0.8
    (peaks,) = CODEC.decode(heatmap, 1)
    assert peaks.labels.tolist() == [1]


def test_resizing_keeps_pixel_centres():
    """Averaging 2x2 pixels puts the centre of the block at (0, 0) of the small image."""
    assert resize_points(np.array([0.5, 0.5]), (0.5, 0.5)).tolist() == [0.0, 0.0]
    points = np.random.default_rng(0).uniform(0, 100, (10, 2))
    there = resize_points(points, (3.0, 0.25))
    np.testing.assert_allclose(resize_points(there, (1 / 3.0, 4.0)), points)


@pytest.mark.parametrize("wrong", [{"sigma": 0}, {"unit": "cm"}, {"threshold": 1.0}, {"min_sigma": -1}])
def test_values_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match="codec"):
        GaussianCodec(**wrong)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (2, 1)])
def test_maps_one_pixel_wide_can_be_read(size):
    heatmap = torch.zeros(1, 2, *size)
    heatmap[0, 1, -1, -1] = 0.9
    (peaks,) = CODEC.decode(heatmap, 1)
    assert peaks.labels.tolist() == [1]
    torch.testing.assert_close(peaks.points, torch.tensor([[size[1] - 1.0, size[0] - 1.0]]), atol=0.5, rtol=0)
