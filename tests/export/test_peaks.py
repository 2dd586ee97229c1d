"""The decoding of peaks inside a file, on maps that the tests choose, beside PyTorch's and the truth."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.export.graph import IMAGES, PEAKS, THRESHOLD
from cellmark.export.runtime import open_session
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.peaks import find_peaks

CODEC = GaussianCodec(sigma=2.0)
SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (9, 1), (2, 2), (3, 2), (17, 23), (40, 31)]


@pytest.fixture(scope="module")
def session(shown_content):
    return open_session(shown_content)


def peaks(session, heatmap, threshold=0.3):
    """Heatmap (B, 2, h, w) -> image, class, xy, score; the third channel of the pictures is not looked at."""
    images = torch.cat([heatmap, torch.zeros_like(heatmap[:, :1])], dim=1).numpy()
    return session.run(list(PEAKS), {IMAGES: images, THRESHOLD: np.array(threshold, np.float32)})


def assert_equal(session, heatmap, threshold):
    image, label, xy, score = peaks(session, heatmap, threshold)
    expected = find_peaks(torch.logit(heatmap).sigmoid(), threshold)
    for found, truth in zip((image, label), expected[:2], strict=True):
        np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(xy, expected[2], atol=1e-3)
    np.testing.assert_allclose(score, expected[3], atol=1e-6)
    return len(score)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("images", [1, 3])
def test_random_maps_of_any_size_give_the_peaks_of_pytorch(session, size, images):
    heatmap = torch.rand(images, 2, *size, generator=torch.Generator().manual_seed(sum(size))) * 0.98 + 0.01
    assert assert_equal(session, heatmap, 0.0) >= images


def test_the_threshold_is_an_input(session):
    heatmap = torch.rand(2, 2, 30, 20, generator=torch.Generator().manual_seed(0)) * 0.98 + 0.01
    counts = [assert_equal(session, heatmap, threshold) for threshold in (0.0, 0.8, 0.95, 1.0)]
    assert counts[0] > counts[1] > counts[2] > counts[3] == 0


def test_of_equal_neighbours_the_first_is_the_peak(session):
    heatmap = torch.full((1, 2, 12, 12), 0.1)
    heatmap[0, 0, 4:6, 7:9] = 0.75
    image, label, xy, score = peaks(session, heatmap)
    assert (image.tolist(), label.tolist(), score.tolist()) == ([0], [0], [0.75])
    np.testing.assert_allclose(xy, [[7.5, 4.5]], atol=1e-3)


@pytest.mark.parametrize("x", [-0.5, -0.3, 0.0, 0.4, 15.0, 15.5, 30.7, 31.4])
@pytest.mark.parametrize("y", [-0.5, 0.0, 0.2, 11.5, 23.0, 23.4])
def test_cells_on_edges_and_in_corners_lie_where_they_were_drawn(session, x, y):
    found = drawn([[x, y]], [1])
    image, label, xy, score = peaks(session, found)
    assert image.tolist() == [0] and label.tolist() == [1] and 0.7 < score[0] <= 1
    np.testing.assert_allclose(xy, [[x, y]], atol=0.05)


@given(shift=st.tuples(st.floats(0, 1), st.floats(0, 1)), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_cells_close_together_lie_where_they_were_drawn(session, shift, seed):
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(np.arange(2, 30, 4), np.arange(2, 22, 4)), axis=-1).reshape(-1, 2) + shift
    labels = rng.integers(0, 2, len(points))
    _, label, xy, _ = peaks(session, drawn(points, labels))
    distance = np.linalg.norm(points[:, None] - xy[None], axis=2)
    nearest = distance.argmin(axis=1)
    assert len(xy) == len(points) == len(set(nearest)) and distance.min(axis=1).max() < 0.05
    np.testing.assert_array_equal(label[nearest], labels)


def drawn(points, labels):
    """Heatmap (1, 2, 24, 32) with a Gaussian at every point; float32 has no logit for 0 and 1."""
    xy = torch.tensor(np.asarray(points), dtype=torch.float32)[None]
    heatmap = CODEC.encode(xy, torch.tensor(np.asarray(labels))[None], torch.ones(xy.shape[:2]), (24, 32), 1, 2)
    return heatmap.clamp(1e-9, 1 - 1e-7)
