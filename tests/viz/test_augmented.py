from dataclasses import replace

import numpy as np

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.augmented import augmented_gallery
from tests.data.blobs import sample_of


def one(points, labels, size=(60, 80)):
    return sample_of(np.full((*size, 3), 128, np.uint8), np.array(points), np.array(labels))


def test_each_sample_has_a_row_of_versions_and_one_of_heatmaps():
    sample = one([[20, 30]], [1])
    moved = replace(sample, points=np.array([[60, 30]], np.float32))
    gallery = augmented_gallery("f", [[sample, moved]] * 2, GaussianCodec(4.0), 1, 2)
    assert gallery.columns == 2 and len(gallery.pictures) == 8 and gallery.rows
    assert [picture.caption for picture in gallery.pictures[:4]] == ["a.png: 1 cells", "augmented 1: 1 cells", "", ""]
    for picture in gallery.pictures:  # blue: cells of class 1
        blue = (picture.image[..., 2].astype(int) - picture.image[..., 0] > 60).nonzero()[1]
        left = blue.mean() < picture.image.shape[1] / 2
        assert left == ("as it is" in picture.alt)


def test_without_cells_all_is_grey_and_without_samples_there_is_a_sheet():
    empty = augmented_gallery("f", [[one(np.empty((0, 2)), [])] * 2], GaussianCodec(4.0), 1, 2)
    assert all(np.ptp(picture.image.astype(int), axis=2).max() == 0 for picture in empty.pictures)
    assert augmented_gallery("f", [], GaussianCodec(), 1, 2).sheet().std() > 0
