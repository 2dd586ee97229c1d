"""Displacements between nodes: the same for pixels and points, undone everywhere, and no fold is overlooked."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cellmark.data.warps.displacement import draw_unfolded
from cellmark.data.warps.exact import Curvature
from cellmark.data.warps.nodes import NodeField, at_nodes, node_counts
from cellmark.data.warps.random_fields import Crumpling, SmoothField
from cellmark.errors import CellmarkError

SIZES = [(128, 96), (97, 141), (33, 40), (5, 3), (1, 17), (2000, 33)]
SIDES, SEEDS = st.integers(4, 2000), st.integers(0, 2**32 - 1)


def noise(size, seed=0, strength=1.5):
    """A field without any smoothness."""
    counts = node_counts(size)[::-1]
    return NodeField(size, (strength * np.random.default_rng(seed).standard_normal((*counts, 2))).astype(np.float32))


def all_together(rng, size, factor, intensity, strength):
    warps = Curvature(size, factor), Crumpling.draw(rng, size, intensity), SmoothField.draw(rng, size, strength)
    return NodeField(size, np.add.reduce([at_nodes(warp) for warp in warps]))


@pytest.mark.parametrize("size", SIZES)
def test_points_and_pixels_move_alike(size):
    field = noise(size)
    x, y = np.arange(size[0], dtype=np.float64)[None], np.arange(size[1], dtype=np.float64)[:, None]
    np.testing.assert_allclose(np.dstack(field.displacement(x, y)), field.pixels(), atol=1e-4)
    far, farther = (np.dstack(field.displacement(x + 8 + times * size[0], y)) for times in (1, 10))
    np.testing.assert_allclose(far, farther, atol=1e-4)  # constant beyond the last nodes, around the picture


def test_nodes_show_the_warp():
    size = (389, 511)
    for warp in (Curvature(size, 0.2), Crumpling.draw(np.random.default_rng(0), size, 0.6)):
        x, y = np.arange(0, size[0], 3.7)[None], np.arange(0, size[1], 2.9)[:, None]
        drawn = np.dstack(NodeField(size, at_nodes(warp)).displacement(x, y))
        exact = np.dstack(np.broadcast_arrays(*warp.displacement(x, y)))
        assert np.abs(drawn - exact).max() < 0.15  # the tip of a wrinkle is cut off between nodes
        assert np.abs(drawn - exact).mean() < 0.01


@pytest.mark.parametrize("size", SIZES)
def test_jacobians_are_the_derivatives(size):
    field, step = noise(size), 1e-5
    places = np.random.default_rng(1).uniform(-9, np.array(size) + 9, (300, 2))
    steps = step * np.eye(2)
    changes = [(field.source(places + one) - field.source(places - one)) / (2 * step) for one in steps]
    np.testing.assert_allclose(field.jacobians(places), np.stack(changes, axis=2), atol=1e-4)


@pytest.mark.parametrize("size", [(60, 44), (33, 40), (9, 50)])
def test_the_smallest_determinant_is_the_smallest(size):
    for seed in range(4):
        field = noise(size, seed, 0.7)
        places = np.random.default_rng(seed).uniform(-8, np.array(size) + 8, (200_000, 2))
        sampled = field.determinants(places).min()
        assert field.smallest_determinant() - 1e-5 <= sampled < field.smallest_determinant() + 0.1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SIDES, SIDES, SEEDS, st.floats(-0.3, 0.3), st.floats(0, 3), st.floats(0, 14))
@example(24, 900, 1, 0.05, 3.0, 8.0)
@example(900, 24, 1, 0.02, 3.0, 8.0)
@example(33, 2000, 2, 0.2, 1.0, 4.0)
@example(2000, 33, 2, 0.02, 1.0, 4.0)
def test_every_place_is_found_again(width, height, seed, factor, intensity, strength):
    """Wherever points come to lie, also outside of the picture and on the lines between cells."""
    rng, size = np.random.default_rng(seed), (width, height)
    try:
        field, _ = draw_unfolded(
            lambda rng: all_together(rng, size, factor, intensity, strength), rng, np.empty((0, 2)), most=30
        )
    except CellmarkError as error:  # waves as steep as those of a ribbon leave room for little else
        assert max(size) > 3 * min(size), error
        return
    places = rng.uniform(-30, np.array(size) + 30, (200, 2))
    places[:50] = np.floor(places[:50]) + 0.5
    np.testing.assert_allclose(field.move(field.source(places)), places, atol=1e-3)
    goals = np.concatenate([places, [[-1e5, 3.0], [1e6, 1e6]]])
    np.testing.assert_allclose(field.source(field.move(goals)), goals, atol=2e-6)


def test_a_step_over_the_line_between_cells_may_lead_away_at_first():
    nodes = np.full((8, 8, 2), 2, np.float32)
    nodes[:, :, 1] += 12 * np.maximum(np.arange(8) - 4, 0)  # right of x = 13.5 rows climb by 3 px per pixel
    field = NodeField((24, 24), nodes)
    goal = np.array([[13.5, 10.0]])
    rest = field.source(goal) - goal
    step = np.linalg.solve(field.jacobians(goal)[0], rest[0])
    for part in 2.0 ** -np.arange(12):  # no part of the step that the derivatives right of the line ask for is nearer
        assert np.linalg.norm(field.source(goal - part * step) - goal) > np.linalg.norm(rest)
    np.testing.assert_allclose(field.move(goal), [[11.5, 8.0]], atol=1e-6)


def test_a_fold_is_seen_also_beyond_the_rim():
    nodes = np.zeros((10, 12, 2), np.float32)
    assert NodeField((40, 32), nodes).unfolded()
    nodes[4:6, 6, 0] = 5.0  # its left neighbour is 4 px away and now shows what lies beyond it
    folded = NodeField((40, 32), nodes)
    assert not folded.unfolded() and folded.smallest_determinant() == pytest.approx(1 - 5 / 4)
    swirl = np.zeros((10, 12, 2), np.float32)  # by a half turn: sound inside, but not constant beyond the rim
    x, y = np.arange(12) * 4.0 - 22, np.arange(10)[:, None] * 4.0 - 18
    swirl[..., 0], swirl[..., 1] = -2 * x, -2 * y
    inside = NodeField((40, 32), swirl)
    places = np.random.default_rng(0).uniform(0, [39, 31], (100, 2))
    np.testing.assert_allclose(inside.determinants(places), 1, atol=1e-5)
    assert not inside.unfolded() and inside.smallest_determinant() == pytest.approx(-1)
