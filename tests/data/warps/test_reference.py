"""The inverse against one that shares nothing with it: formulas written anew, scipy's root finder, float64."""

import math

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.optimize import root
from scipy.spatial import cKDTree

from cellmark.data.warps.nodes import NodeField

from .drawing import drawn, grid
from .test_nodes import all_together

SIZE = (300, 220)


def crumpled(warp, x, y):
    dx = dy = 0.0
    for w in warp.wrinkles:
        d = np.sqrt((x - w.x) ** 2 + (y - w.y) ** 2)
        fade = w.strength * np.exp(-(d**2) / (2 * (1.5 * w.radius) ** 2))
        swirl, pull = np.sin(2 * d / w.radius), 0.2 * np.exp(-d / (0.8 * w.radius))
        dx = dx + fade * (np.cos(w.angle + d / w.radius) * swirl + math.sin(2 * w.angle) * pull)
        dy = dy + fade * (np.sin(w.angle + d / w.radius) * swirl + math.cos(2 * w.angle) * pull)
    return x + dx, y + dy


def smooth(warp, x, y):
    swings = [np.cos(w.k_x * x + w.k_y * y + w.phase) for w in warp.waves]
    dx = sum(w.push_x * swing for w, swing in zip(warp.waves, swings, strict=True))
    dy = sum(w.push_y * swing for w, swing in zip(warp.waves, swings, strict=True))
    return x + dx, y + dy


def curved(warp, x, y):
    return x - warp.factor * warp.size[0] * np.sin(2 * math.pi * y / warp.size[1]), y


def turned(warp, x, y):
    """Seen at a place is what lay clockwise of it: y points down, so that is the sense of growing angles."""
    centre = complex(warp.size[0] - 1, warp.size[1] - 1) / 2
    old = centre + (x + 1j * y - centre) * np.exp(1j * math.radians(warp.degrees))
    return old.real, old.imag


def between_nodes(warp, x, y):
    at = [(value + 2.5) / 4 for value in (y, x)]
    dx, dy = (map_coordinates(warp.nodes[..., c].astype(float), at, order=1, mode="nearest") for c in (0, 1))
    return x + dx, y + dy


def places_of(source, points: np.ndarray) -> np.ndarray:
    """Where ``source`` shows the points: the nearest place of a dense grid, then scipy."""
    x, y = (part.ravel() for part in np.meshgrid(np.arange(-80.0, SIZE[0] + 80), np.arange(-80.0, SIZE[1] + 80)))
    nearest = cKDTree(np.stack(source(x, y), axis=1)).query(points)[1]
    found = []
    for start, point in zip(np.stack([x, y], axis=1)[nearest], points, strict=True):
        solution = root(lambda q, p=point: np.array(source(q[:1], q[1:])).ravel() - p, start, tol=1e-12)
        assert np.abs(solution.fun).max() < 1e-7
        found.append(solution.x)
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "strength", "source"),
    [
        ("crumpling", 0.3, crumpled),
        ("crumpling", 1.5, crumpled),
        ("smooth", 8.0, smooth),
        ("smooth", 20.0, smooth),
        ("curvature", 0.2, curved),
        ("rotation", 360.0, turned),
    ],
)
def test_points_go_where_an_independent_inverse_says(kind, strength, source):
    points = grid(SIZE, 0.1, 0.9)
    warp = drawn(kind, strength, SIZE, 3, points)
    np.testing.assert_allclose(warp.move(points), places_of(lambda x, y: source(warp, x, y), points), atol=1e-4)


def test_points_between_nodes_go_where_an_independent_inverse_says():
    points = grid(SIZE, 0.1, 0.9)
    warp = all_together(np.random.default_rng(0), SIZE, 0.1, 1.0, 8.0)
    assert isinstance(warp, NodeField) and warp.unfolded()
    expected = places_of(lambda x, y: between_nodes(warp, x, y), points)
    np.testing.assert_allclose(warp.move(points), expected, atol=1e-3)
