import numpy as np
import pytest

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.targets import TILE, blend_target, detail, draw_heat, target, targets_gallery
from tests.data.blobs import sample_of


def one(points, labels, size=(60, 80)):
    return sample_of(np.full((*size, 3), 128, np.uint8), np.array(points), np.array(labels))


def centre_of(image, channel):
    """Centroid x, y of what is of one colour."""
    grey = np.delete(image.astype(int), channel, axis=2).max(axis=2)
    rows, columns = np.nonzero(image[..., channel] - grey > 40)
    return columns.mean(), rows.mean()


@pytest.mark.parametrize("stride", [1, 2])
def test_the_target_peaks_at_the_cells_of_its_class(stride):
    sample = one([[20.5, 30.5], [60.5, 10.5]], [0, 1])
    maps = target(sample, GaussianCodec(2.0), stride, 2)
    assert maps.shape == (2, 60 // stride, 80 // stride)
    for heatmap, (x, y) in zip(maps, sample.points, strict=True):
        row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
        assert abs((column + 0.5) * stride - 0.5 - x) <= stride / 2
        assert abs((row + 0.5) * stride - 0.5 - y) <= stride / 2


def test_heat_goes_from_black_over_the_colour_to_white():
    picture = draw_heat(np.array([[0.0, 0.7, 1.0]]), (200, 40, 0), side=9)
    assert picture.shape == (3, 9, 3)
    assert picture[1, ::3].tolist() == [[0, 0, 0], [200, 40, 0], [244, 212, 204]]
    ramp = draw_heat(np.linspace(0, 1, 300)[None], (10, 200, 30), side=1).astype(int).sum(axis=2)[0]
    assert (np.diff(ramp) >= 0).all() and ramp[-1] > ramp[200] > ramp[100] > 0


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("size", [(60, 80), (61, 83)])
def test_blended_targets_lie_over_their_cells(size, stride):
    """Also where the stride does not divide the sides."""
    sample = one([[70.5, 51.25]], [1], size)
    blended = blend_target(sample.image, target(sample, GaussianCodec(6.0 / stride), stride, 2), stride)
    assert blended.shape == sample.image.shape
    np.testing.assert_allclose(centre_of(blended, 2), (70.5, 51.25), atol=0.3)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize(("middle", "within"), [((41.3, 30.6), 0.6), ((3.2, 4.1), 3), ((90.0, 55.5), 3)])
def test_in_the_detail_heat_and_dot_meet(stride, middle, within):
    """At the middle of the picture, and at its corners, which cut the heat off; enlarged 5 times."""
    sample = one([middle, (middle[0] + 300, 0), (middle[0] - 300, 0)], [0, 1, 1], (64, 96))
    shown = detail(sample, target(sample, GaussianCodec(2.4 / stride), stride, 2), stride)
    assert max(shown.shape) == TILE
    dots = np.argwhere((shown > 235).all(axis=2))[:, ::-1]
    np.testing.assert_allclose(centre_of(shown, 0), dots.mean(axis=0), atol=within)


def test_the_detail_shows_about_eight_cells_across():
    x, y = np.meshgrid(np.arange(5, 95, 6.0), np.arange(5, 60, 6.0))
    sample = one(np.column_stack([x.ravel(), y.ravel()]), np.zeros(x.size, int), (64, 96))
    shown = detail(sample, target(sample, GaussianCodec(1.0), 2, 1), 2)
    pixels = np.argwhere((shown > 235).all(axis=2)) // 40
    assert 56 <= len(np.unique(pixels, axis=0)) <= 81 and shown.shape[0] == shown.shape[1]
    alone = one(np.empty((0, 2)), [])
    assert detail(alone, target(alone, GaussianCodec(1.0), 2, 1), 2).std() < 1


@pytest.mark.parametrize("classes", [["cell"], ["black", "white"]])
def test_each_class_has_a_panel(classes):
    samples = [one([[20, 30], [50, 30], [60, 10]], [0, len(classes) - 1, 0]), one(np.empty((0, 2)), [])]
    gallery = targets_gallery("f", samples, GaussianCodec(2.0), 2, classes)
    assert gallery.columns == len(classes) + 3 and len(gallery.pictures) == 2 * gallery.columns and gallery.rows
    captions = [picture.caption for picture in gallery.pictures[1 : 1 + len(classes)]]
    expected = (
        ["cell: 3 cells, 40 x 30"] if len(classes) == 1 else ["black: 2 cells, 40 x 30", "white: 1 cells, 40 x 30"]
    )
    assert captions == expected
    heats = [picture.image for picture in gallery.pictures[1 : 1 + len(classes)]]
    assert [np.argmax(heat.sum(axis=(0, 1))) for heat in heats] == [0, 2][: len(classes)]
    assert all(picture.image.max() == 0 for picture in gallery.pictures[gallery.columns + 1 :][: len(classes)])
    assert gallery.sheet().shape[0] > 2 * TILE
