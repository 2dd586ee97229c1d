import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.coordinates import resize_points
from cellmark.data.fit import fit_image

from .blobs import centroid, draw_blobs


@pytest.mark.parametrize("size", [(100, 100), (60, 120), (120, 60), (300, 300), (171, 230)])
@given(x=st.floats(30, 70), y=st.floats(30, 60))
@settings(max_examples=15, deadline=None)
def test_blobs_land_where_their_points_land(size, x, y):
    points = np.array([[x, y]])
    image, scale = fit_image(draw_blobs(points, (90, 100), sigma=4.0), size)
    assert image.shape == (*size, 3)
    moved = resize_points(points, scale)
    factor = min(scale)
    np.testing.assert_allclose(centroid(image, moved[0], round(18 * factor)), moved[0], atol=0.05)


def test_an_image_that_fits_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    fitted, scale = fit_image(image, (40, 40))
    assert scale == (1.0, 1.0) and fitted is image


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3)])
def test_extreme_shapes_fit(shape):
    image, scale = fit_image(np.full((*shape, 3), 7, np.uint8), (64, 64))
    assert image.shape == (64, 64, 3) and (image == 7).all() and min(scale) > 0
