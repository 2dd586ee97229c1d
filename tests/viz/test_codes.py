import numpy as np
import pytest

from cellmark.reading.code import Code, corners_of
from cellmark.viz.codes import LETTERS, NOTHING, OUTLINE, draw_codes, shortened
from cellmark.viz.overlay import CELL_COLOURS

PITCH = 12.0
GROUND = 128


def code(left, top, text="text", rows=10, cols=12, cells=True):
    """A code with its upper left cell at a place, and every third cell black."""
    y, x = np.mgrid[:rows, :cols] * PITCH
    places = np.stack([x + left, y + top], axis=-1)
    grid = (np.arange(rows * cols) % 3 == 0).reshape(rows, cols)
    known = (places, grid) if cells else (None, None)
    return Code(text, rows, cols, corners_of(places), 0, 0, "network", *known)


def plain(height=600, width=800):
    return np.full((height, width, 3), GROUND, np.uint8)


def labels(drawn):
    """Where the ground of labels is: dark, which nothing else here is."""
    return (drawn.astype(int).max(axis=2) < 60).astype(np.uint8)


def test_cells_have_the_colours_of_their_class():
    image, one = plain(), code(300, 200)
    drawn = draw_codes(image, [one])
    assert drawn.shape == image.shape and (image == GROUND).all()
    found = drawn[one.cells[..., 1].astype(int), one.cells[..., 0].astype(int)]
    expected = np.where(one.grid[..., None], CELL_COLOURS[0], CELL_COLOURS[1])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("cells", [True, False])
def test_every_code_has_its_outline_and_its_label(cells):
    codes = [code(100, 100, cells=cells), code(500, 300, cells=cells)]
    drawn = draw_codes(plain(), codes)
    for one in codes:
        for place in one.corners + (np.roll(one.corners, -1, axis=0) - one.corners) / 2:
            x, y = place.round().astype(int)
            assert (np.abs(drawn[y - 1 : y + 2, x - 1 : x + 2].astype(int) - OUTLINE).sum(axis=2) < 40).any()
        left, top = one.corners.min(axis=0).astype(int)
        assert labels(drawn)[top - 40 : top, left : left + 60].sum() > 300
    ground = (drawn == GROUND).all(axis=2)
    assert ground[450:, :400].all() and ground[:200, 450:].all()
    assert cells or (drawn[100:200, 100:200] == GROUND).all()


def test_small_pictures_are_enlarged_with_their_codes():
    drawn = draw_codes(plain(100, 128), [code(20, 30, rows=4, cols=4)])
    assert drawn.shape == (400, 512, 3)
    x, y = (np.array([20.0, 30.0]) + 0.5) * 4 - 0.5
    assert tuple(drawn[round(y), round(x)]) == CELL_COLOURS[0]


def test_letters_grow_with_the_picture():
    heights = []
    for scale in (1, 4):
        drawn = draw_codes(plain(600 * scale, 800 * scale), [code(300, 300)])
        rows = np.flatnonzero(labels(drawn).any(axis=1))
        heights.append(rows[-1] - rows[0] + 1)
    assert 20 < heights[0] < 60 and heights[1] == pytest.approx(4 * heights[0], rel=0.1)


@pytest.mark.parametrize(("left", "top"), [(6, 6), (650, 6), (6, 470), (650, 470), (-60, 300), (780, 580)])
def test_labels_stay_within_the_picture(left, top):
    shown = labels(draw_codes(plain(), [code(left, top, "0123456789" * 5)])).astype(bool)
    alone = labels(draw_codes(plain(), [code(300, 300, "0123456789" * 5)])).astype(bool)
    assert shown.any(axis=1).sum() == alone.any(axis=1).sum()
    assert shown.any(axis=0).sum() == alone.any(axis=0).sum()


def test_neighbours_do_not_write_over_one_another():
    """The label of the lower code would lie on that of the upper one, which had no room above."""
    upper, lower = code(300, 10), code(300, 185)
    both, one = (labels(draw_codes(plain(), codes)).sum() for codes in ([upper, lower], [upper]))
    assert both > 1.9 * one


def test_a_picture_without_a_code_says_so():
    drawn = draw_codes(plain(), [])
    shown = labels(drawn).astype(bool)
    assert shown[0, 0] and (drawn[100:] == GROUND).all() and shown.sum() > 1000
    np.testing.assert_array_equal(drawn[~shown[:, :].any(axis=1)], GROUND)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (2000, 5)])
def test_any_picture_can_be_drawn_on(shape):
    assert draw_codes(plain(*shape), [code(0, 0, "a longer text")]).shape[2] == 3
    assert draw_codes(plain(*shape), []).shape[2] == 3


def test_texts_are_shortened_in_the_middle():
    assert shortened("short") == "short" and shortened("x" * LETTERS) == "x" * LETTERS
    long = shortened("".join(chr(65 + k % 26) for k in range(200)))
    assert len(long) == LETTERS and long[:5] == "ABCDE" and long.endswith("OPQR") and "..." in long
    assert shortened("a\x1db\nc\ud800") == "a\xb7b\xb7c\xb7"
    assert shortened("0123456789", 5) == "0...9" and len(NOTHING) < LETTERS
