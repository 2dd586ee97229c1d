from dataclasses import replace

import numpy as np
import pytest

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.augmented import augmented_sheet, target
from tests.data.blobs import sample_of


def one(points, labels, size=(60, 80)):
    return sample_of(np.full((*size, 3), 128, np.uint8), np.array(points), np.array(labels))


@pytest.mark.parametrize("stride", [1, 2])
def test_the_target_peaks_at_the_cells_of_its_class(stride):
    sample = one([[20.5, 30.5], [60.5, 10.5]], [0, 1])
    maps = target(sample, GaussianCodec(2.0), stride, 2)
    assert maps.shape == (2, 60 // stride, 80 // stride)
    for heatmap, (x, y) in zip(maps, sample.points, strict=True):
        row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
        assert abs((column + 0.5) * stride - 0.5 - x) <= stride / 2
        assert abs((row + 0.5) * stride - 0.5 - y) <= stride / 2


def test_each_sample_has_a_row_of_versions_and_one_of_heatmaps():
    sample = one([[20, 30]], [1])
    moved = replace(sample, points=np.array([[60, 30]], np.float32))
    sheet = augmented_sheet([[sample, moved]] * 2, GaussianCodec(4.0), 1, 2, "title")
    assert sheet.shape[0] > 4 * 320 and 2 * 320 < sheet.shape[1] < 3 * 320
    blue = (sheet[..., 2].astype(int) - sheet[..., 0] > 60).nonzero()[1]  # cells of class 1, in every tile
    assert {int(column > sheet.shape[1] / 2) for column in blue} == {0, 1}
    empty = augmented_sheet([[one(np.empty((0, 2)), [])] * 2], GaussianCodec(4.0), 1, 2, "title")
    assert np.ptp(empty.astype(int), axis=2).max() == 0  # grey only
    assert augmented_sheet([], GaussianCodec(), 1, 2, "nothing").std() > 0
