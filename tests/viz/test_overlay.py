import numpy as np
import pytest

from cellmark.coordinates import resize_points
from cellmark.viz.overlay import CELL_COLOURS, dot_radius, draw_cells, enlargement


def centroid(drawn, ground):
    """Centre (x, y) of what was drawn, weighted by how far each pixel is from the ground."""
    weight = np.abs(drawn.astype(float) - ground).sum(axis=2)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
@pytest.mark.parametrize("label", [0, 1])
def test_a_dot_lies_at_its_point(scale, label):
    image = np.zeros((40, 60, 3), np.uint8)
    for point in np.random.default_rng(0).uniform(12, 27, (15, 2)):
        drawn = draw_cells(image, point[None], np.array([label]), scale=scale)
        assert drawn.shape == (40 * scale, 60 * scale, 3) and drawn.dtype == np.uint8
        np.testing.assert_allclose(centroid(drawn, 0), resize_points(point, (scale, scale)), atol=0.1)


def test_the_enlarged_picture_stays_below_its_dots():
    """A bright pixel and a dot at its centre move together."""
    image = np.zeros((21, 21, 3), np.uint8)
    image[8, 11] = 255
    place = centroid(draw_cells(image, np.empty((0, 2)), np.empty(0), scale=6), 0)
    np.testing.assert_allclose(place, resize_points(np.array([11.0, 8.0]), (6, 6)), atol=0.1)


def test_colours_follow_the_classes():
    image, points = (
        np.full((64, 96, 3), 128, np.uint8),
        np.array([[16.0, 16], [48, 16], [80, 16], [16, 48], [48, 48]]),
    )
    drawn = draw_cells(image, points, np.array([0, 1, 2, len(CELL_COLOURS), -1]), scale=1)
    found = [tuple(drawn[int(y), int(x)].tolist()) for x, y in points]
    assert found == [*CELL_COLOURS[:3], CELL_COLOURS[0], (128, 128, 128)]
    assert CELL_COLOURS[:2] == ((230, 40, 40), (40, 90, 240))
    assert (image == 128).all()


@pytest.mark.parametrize("ground", [0, 128, 255, CELL_COLOURS[0]])
def test_a_dot_shows_on_any_ground(ground):
    image = np.full((32, 32, 3), ground, np.uint8)
    drawn = draw_cells(image, np.array([[15.0, 15.0]]), np.array([0]), scale=1)
    assert np.abs(drawn.astype(int) - image).sum(axis=2).max() > 200


def test_dots_grow_with_the_pitch():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    assert dot_radius(grid * 20) == pytest.approx(4.4)
    assert dot_radius(grid * 3) == 1.5
    assert dot_radius(grid[:1]) > 0 and dot_radius(grid[:0]) > 0


def test_small_pictures_are_enlarged_and_large_ones_are_not():
    sizes = [(64, 64), (256, 200), (511, 3), (512, 512), (3000, 40)]
    assert [enlargement(np.zeros((*size, 3))) for size in sizes] == [8, 2, 2, 1, 1]
    assert draw_cells(np.zeros((64, 48, 3), np.uint8), np.zeros((0, 2)), np.zeros(0)).shape == (512, 384, 3)


def test_points_far_outside_do_no_harm():
    image = np.full((64, 64, 3), 50, np.uint8)
    points = np.array([[-1e9, 3], [1e12, -1e12], [500, 500]])
    np.testing.assert_array_equal(draw_cells(image, points, np.zeros(3, int), scale=1), image)
