"""The classical reader: what it gives, in our words."""

import numpy as np
import pytest

from cellmark.reading.classical import read_classical
from cellmark.symbology import by_shape
from tests.reading.drawn import EDGE, SIDE, corners, picture
from tests.reading.payloads import written

WITHIN = 2.5  # pixels; it tells whole ones


def in_colours(grid, black, white, scale=6, edge=20):
    """A symbol in two colours: uint8 (H, W, 3)."""
    fine = np.pad(grid.repeat(scale, axis=0).repeat(scale, axis=1), edge)
    return np.where(fine[..., None], np.array(black), np.array(white)).astype(np.uint8)


def test_all_that_is_told():
    one, two = sorted(read_classical(picture(["one", "two"])), key=lambda code: code.corners[0, 0])
    for number, (code, text) in enumerate(((one, "one"), (two, "two"))):
        assert (code.text, code.rows, code.cols, code.engine) == (text, 10, 10, "classical")
        assert (code.cells_found, code.errors_corrected, code.cells, code.grid) == (0, 0, None, None)
        assert code.corners.shape == (4, 2) and code.corners.dtype == float
        np.testing.assert_allclose(code.corners, corners(number), atol=WITHIN)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_corners_begin_at_the_codes_own_upper_left(turns, inverted, mirrored):
    image = 255 - picture(["one"]) if inverted else picture(["one"])
    size = SIDE + 2 * EDGE
    expected = corners(0)
    if mirrored:
        image, expected = image[:, ::-1], expected * (-1, 1) + (size - 1, 0)
    for _ in range(turns):  # counter-clockwise, as numpy does
        image, expected = np.rot90(image), np.column_stack([expected[:, 1], size - 1 - expected[:, 0]])
    (code,) = read_classical(np.ascontiguousarray(image))
    assert code.text == "one"
    np.testing.assert_allclose(code.corners, expected, atol=WITHIN)


def test_a_rectangle_from_behind():
    image = in_colours(written(by_shape[(16, 48)], "Ab 1"), [0] * 3, [255] * 3)[:, ::-1]
    (code,) = read_classical(image)
    assert (code.text, code.rows, code.cols) == ("Ab 1", 16, 48)
    expected = np.array([[48, 0], [0, 0], [0, 16], [48, 16]]) * 6 + 19.5
    np.testing.assert_allclose(code.corners, expected, atol=WITHIN)


def test_a_damaged_code_from_behind():
    image = picture(["one"])
    image[EDGE + 30 : EDGE + 50, EDGE + 40 : EDGE + 50] ^= 255  # two cells
    (code,) = read_classical(image[:, ::-1])
    size = SIDE + 2 * EDGE
    assert code.text == "one"
    np.testing.assert_allclose(code.corners, corners(0) * (-1, 1) + (size - 1, 0), atol=WITHIN)


@pytest.mark.parametrize("shape", [(8, 18), (16, 48), (12, 64), (26, 26), (52, 52)])
def test_sizes(shape):
    (code,) = read_classical(in_colours(written(by_shape[shape], "Ab 1"), [0] * 3, [255] * 3))
    assert (code.text, code.rows, code.cols) == ("Ab 1", *shape)


def test_red_is_brighter_than_blue():
    """200 of red is as bright as 76 of red and blue exchanged: a reader of the wrong order sees nothing."""
    grid = written(by_shape[(12, 12)], "abc")
    (code,) = read_classical(in_colours(grid, [0, 0, 76], [200, 0, 0]))
    assert code.text == "abc"
    assert read_classical(in_colours(grid, [76, 0, 0], [0, 0, 200])) == []


def test_inverted_codes():
    (code,) = read_classical(in_colours(written(by_shape[(12, 12)], "abc"), [255] * 3, [0] * 3))
    assert code.text == "abc"


def test_views_that_are_not_contiguous():
    image = picture(["one"])
    (code,) = read_classical(image[:, ::-1][:, ::-1])
    assert code.text == "one"
    (code,) = read_classical(np.repeat(image, 2, axis=1)[:, ::2])
    assert code.text == "one"


def test_what_cannot_be_read_gives_nothing():
    image = picture(["one"])
    image[EDGE + 20 : EDGE + 80, EDGE + 20 : EDGE + 80] = 255
    assert read_classical(image) == []
    assert read_classical(np.full((40, 40, 3), 128, np.uint8)) == []
