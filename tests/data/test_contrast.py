import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cellmark.data.contrast import disc_means, grey_of, measure_contrast, rank_share
from tests.conftest import PITCH, plain_code


def slow_mean(grey, x, y, radius):
    """Every pixel in the disc, and the nearest one, one after another."""
    height, width = grey.shape
    nearest = min(max(round(y), 0), height - 1), min(max(round(x), 0), width - 1)
    inside = [
        float(grey[row, column])
        for row in range(height)
        for column in range(width)
        if math.hypot(column - x, row - y) <= radius or (row, column) == nearest
    ]
    return sum(inside) / len(inside)


@pytest.mark.parametrize("radius", [0.1, 1.0, 1.375, 6.2, 40.0])
def test_disc_means_are_those_of_a_loop_over_all_pixels(radius):
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, (23, 31), dtype=np.uint8)
    points = np.concatenate([rng.uniform(-0.5, [30.5, 22.5], (20, 2)), [[-0.5, -0.5], [30.5, 22.5], [4, 7]]])
    expected = [slow_mean(grey, x, y, radius) for x, y in points.tolist()]
    np.testing.assert_allclose(disc_means(grey, points, radius), expected, rtol=1e-12)


@pytest.mark.parametrize("levels", [3, 256])
def test_the_share_of_ordered_pairs_is_the_area_under_the_roc_curve(levels):
    rng = np.random.default_rng(1)
    low, high = rng.integers(0, levels, 40), rng.integers(0, levels, 25) + levels // 4
    truth = np.repeat([0, 1], [40, 25])
    assert rank_share(low, high) == pytest.approx(roc_auc_score(truth, np.concatenate([low, high])), abs=1e-12)


@pytest.mark.parametrize("inverted", [False, True])
def test_the_contrast_of_plain_squares_is_that_of_their_grey(inverted):
    image, code = plain_code(np.random.default_rng(5))  # black is 30, white 225
    labels = np.where(code.keypoints[:, 2] == 2, 0, 1)
    grey = 255 - grey_of(image) if inverted else grey_of(image)
    found = measure_contrast(grey, code.keypoints[:, :2], labels, PITCH, (0, 1))
    assert found == pytest.approx((-195 / 255 if inverted else 195 / 255, 1.0), abs=1e-9)
    assert measure_contrast(grey, code.keypoints[:, :2], labels, PITCH, (1, 0))[0] == -found.contrast


def test_noise_separates_nothing_and_one_class_has_no_contrast():
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (200, 200), dtype=np.uint8)
    points = np.stack(np.meshgrid(np.arange(5, 195, 6), np.arange(5, 195, 6)), axis=-1).reshape(-1, 2) + 0.3
    labels = rng.integers(0, 2, len(points))
    contrast, separability = measure_contrast(grey, points, labels, 6.0, (0, 1))
    assert abs(contrast) < 0.02 and 0.5 <= separability < 0.55
    assert measure_contrast(grey, points, np.zeros_like(labels), 6.0, (0, 1)) is None
    assert measure_contrast(grey, points, np.full_like(labels, -1), 6.0, (0, 1)) is None


def test_grey_is_luma():
    colours = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    assert np.abs(grey_of(colours) - colours @ np.array([0.299, 0.587, 0.114])).max() <= 0.51
