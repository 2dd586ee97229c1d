"""Properties over sizes, shapes and strengths: the inverse is one, and no field that is kept folds."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cellmark.data.warps.displacement import draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, SmoothField

SIDES = st.integers(8, 900)
RIBBONS = [(24, 900), (2000, 33)]
SEEDS = st.integers(0, 2**32 - 1)


def scattered(rng: np.random.Generator, size: tuple[int, int], count: int) -> np.ndarray:
    return rng.uniform(-0.5, np.array(size) - 0.5, (count, 2))


def check_inverse(warp, points: np.ndarray, limit: float = 0.01) -> None:
    moved = warp.move(points)
    assert np.abs(warp.source(moved) - points).max() < limit


def check_field(draw, rng: np.random.Generator, size: tuple[int, int]) -> None:
    points = scattered(rng, size, 60)
    warp, _ = draw_unfolded(draw, rng, points)
    check_inverse(warp, points)
    low, high = points.min(axis=0), points.max(axis=0)
    places = rng.uniform(low - warp.reach, high + warp.reach, (4000, 2))
    assert warp.determinants(places).min() > 0
    sources = warp.source(places)
    inside = ((sources >= low) & (sources <= high)).all(axis=1)
    assert np.abs(warp.move(sources[inside]) - places[inside]).max() < 0.01  # the one place, not another


@settings(max_examples=15, deadline=None, derandomize=True)
@given(SIDES, SIDES, SEEDS, st.floats(0, 3))
def test_crumpling(width, height, seed, intensity):
    size = (width, height)
    check_field(lambda rng: Crumpling.draw(rng, size, intensity), np.random.default_rng(seed), size)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(SIDES, SIDES, SEEDS, st.floats(0, 14))
def test_smooth_field(width, height, seed, strength):
    size = (width, height)
    check_field(lambda rng: SmoothField.draw(rng, size, strength), np.random.default_rng(seed), size)


@pytest.mark.parametrize("size", RIBBONS)
@pytest.mark.parametrize(
    ("draw", "strength"), [(Crumpling.draw, 3.0), (SmoothField.draw, 14.0)], ids=["crumpling", "smooth"]
)
def test_ribbons(size, draw, strength):
    """Pictures of extreme shape: their code may be as long."""
    rng = np.random.default_rng(size[0])
    points = scattered(rng, size, 60)
    warp, _ = draw_unfolded(lambda rng: draw(rng, size, strength), rng, points)
    check_inverse(warp, points)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(SIDES, SIDES, SEEDS, st.floats(-1, 1), st.floats(-360, 360))
@example(24, 900, 0, 1.0, 90.0)
@example(2000, 33, 0, -1.0, 45.0)
def test_exact_warps(width, height, seed, factor, degrees):
    size = (width, height)
    points = scattered(np.random.default_rng(seed), size, 60)
    check_inverse(Curvature(size, factor), points, 1e-9)
    check_inverse(Rotation(size, degrees), points, 1e-9)
