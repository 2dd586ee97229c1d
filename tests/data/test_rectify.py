"""A bent lattice drawn straight, against a picture that is a formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.data.rectify import CELL, cell_size, extended, moved, rectify, shift_between

ANGLES = st.floats(0, 2 * np.pi)


def bent(rows, cols, pitch, angle, bend=0.0, origin=(150.0, 150.0)):
    """Centres (rows, cols, 2) about an origin, on circles for ``bend`` > 0."""
    y, x = np.mgrid[:rows, :cols] - np.array([(rows - 1) / 2, (cols - 1) / 2])[:, None, None]
    y = y + bend * x * x
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return pitch * np.stack([x, y], -1) @ turn + origin


def brightness(points):
    """A smooth picture, at any points (..., 2)."""
    x, y = points[..., 0], points[..., 1]
    return 128 + 60 * np.sin(x / 17) + 50 * np.cos(y / 23)


def picture(width, height):
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.repeat(brightness(np.stack([x, y], -1))[..., None], 3, axis=2).round().astype(np.uint8)


@given(st.integers(4, 14), st.integers(4, 14), st.floats(4.0, 11.0), ANGLES, st.floats(-0.02, 0.02))
@settings(deadline=None, max_examples=30)
def test_the_centre_of_every_cell_is_where_it_belongs(rows, cols, pitch, angle, bend):
    places = bent(rows, cols, pitch, angle, bend)
    drawn = rectify(picture(300, 300), places).astype(float)[..., 0]
    assert drawn.shape == (CELL * rows, CELL * cols)
    half = CELL // 2  # the centre lies between four pixels
    centres = sum(drawn[half - 1 + r :: CELL, half - 1 + c :: CELL] for r in (0, 1) for c in (0, 1)) / 4
    inside = ((places >= 0) & (places <= 299)).all(axis=-1)
    assert np.abs(centres - brightness(places))[inside].max() < 3.0


def test_large_cells_are_averaged():
    """A fine chequerboard is even grey for cells that are much larger than its squares."""
    board = (np.indices((400, 400)).sum(0) % 2 * 255).astype(np.uint8)
    drawn = rectify(np.repeat(board[..., None], 3, axis=2), bent(6, 6, 40.0, 0.3, origin=(200.0, 200.0)))
    assert np.abs(drawn.astype(float) - 127.5).max() < 12


def test_large_cells_lie_where_small_ones_do():
    places = bent(8, 9, 30.0, 0.4)
    drawn = rectify(picture(300, 300), places).astype(float)[..., 0]
    centres = drawn.reshape(8, CELL, 9, CELL)[:, 3:5, :, 3:5].mean((1, 3))
    inside = ((places >= 0) & (places <= 299)).all(axis=-1)
    assert np.abs(centres - brightness(places))[inside].max() < 4.0


def test_beyond_the_picture_its_edge_goes_on():
    drawn = rectify(np.full((20, 20, 3), 77, np.uint8), bent(5, 5, 9.0, 0.0, origin=(-500.0, 900.0)))
    assert (drawn == 77).all()


@given(st.integers(2, 9), st.integers(2, 9), ANGLES, st.integers(1, 6))
def test_a_straight_lattice_goes_on_straight(rows, cols, angle, margin):
    wide = bent(rows + 2 * margin, cols + 2 * margin, 7.0, angle)
    inner = wide[margin:-margin, margin:-margin]
    np.testing.assert_allclose(extended(inner, margin), wide, atol=1e-9)


def test_a_single_row_cannot_go_on():
    with pytest.raises(ValueError, match="single row"):
        extended(np.zeros((1, 5, 2)), 2)


@given(st.floats(3.0, 50.0), ANGLES)
def test_size_of_a_cell(pitch, angle):
    assert cell_size(bent(7, 11, pitch, angle)) == pytest.approx(pitch)


@given(st.integers(0, 2**32), ANGLES)
def test_a_shift_leads_to_where_it_was_measured(seed, angle):
    rng = np.random.default_rng(seed)
    places = bent(9, 12, 8.0, angle, 0.01)
    wanted = places + rng.normal(0, 2, places.shape)
    np.testing.assert_allclose(moved(places, shift_between(places, wanted)), wanted, atol=1e-8)


def test_a_shift_is_in_cells_to_the_right_and_down():
    places = bent(9, 12, 8.0, np.pi / 2)
    shift = shift_between(places, places + 0.25 * (places[0, 1] - places[0, 0]))
    np.testing.assert_allclose(shift, np.broadcast_to([0.25, 0.0], shift.shape), atol=1e-9)
