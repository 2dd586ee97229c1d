import numpy as np

from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import CELL_COLOURS


def test_no_heat_shows_the_darkened_picture():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    blended = blend_heatmaps(image, np.zeros((2, 5, 7), np.float32))
    assert blended.shape == image.shape and blended.dtype == np.uint8
    assert (blended[..., 0] == blended[..., 2]).all() and blended.max() < 128


def test_full_heat_shows_the_colour_of_its_class():
    image = np.full((16, 16, 3), 200, np.uint8)
    for index in range(2):
        maps = np.zeros((2, 16, 16))
        maps[index, 4, 9] = 1.7  # beyond 1 is clipped
        blended = blend_heatmaps(image, maps)
        assert tuple(blended[4, 9].tolist()) == CELL_COLOURS[index]
        assert len(np.unique(blended[12])) == 1


def test_a_map_at_a_stride_covers_the_same_area():
    maps = np.zeros((1, 12, 16), np.float32)
    maps[0, 5, 6] = 1
    heat = blend_heatmaps(np.zeros((48, 64, 3), np.uint8), maps)[..., 0].astype(float)
    rows, columns = np.mgrid[:48, :64]
    place = (columns * heat).sum() / heat.sum(), (rows * heat).sum() / heat.sum()
    np.testing.assert_allclose(place, (6.5 * 4 - 0.5, 5.5 * 4 - 0.5), atol=0.05)
