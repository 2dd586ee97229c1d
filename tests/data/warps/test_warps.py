"""The warps are their formulas, and what folds is seen."""

import math

import numpy as np
import pytest

from cellmark.data.warps.displacement import SMALLEST_DETERMINANT, draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, Wrinkle
from cellmark.errors import CellmarkError
from tests.data.blobs import centroid, draw_blobs

from .drawing import grid

SIZE = (512, 512)
SIGMA, REACH = 1.0, 8


def seen(warp, points: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where blobs drawn at ``points`` appear in the warped picture."""
    image = warp.warp(draw_blobs(points, SIZE, SIGMA), "replicate")
    return np.array([centroid(image, point, REACH) for point in expected])


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.hypot(*(a - b).T)


def test_the_reports_own_keypoints_are_off():
    """It adds the displacement at the source, though the picture is sampled at plus the displacement."""
    off, motion = [], []
    for seed in range(4):
        points = grid(SIZE, 0.2, 0.8, 10)  # a code in the middle, where the wrinkles are
        warp = Crumpling.draw(np.random.default_rng(seed), SIZE, 0.3)
        moved = warp.move(points)
        reported = points + np.stack(warp.displacement(*points.T), axis=1)
        places = seen(warp, points, moved)
        off.append(distances(places, reported))
        motion.append(distances(places, points))
    assert np.mean(off) > 1.0
    assert np.mean(off) == pytest.approx(2 * np.mean(motion), rel=0.02)


def test_crumpling_is_the_formula():
    wrinkles = (Wrinkle(150.0, 220.0, 41.0, 2.1, 0.7), Wrinkle(300.0, 260.0, 77.0, -1.3, 4.4))
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(-50, 560, (200, 2)).tolist():
        dx = dy = 0.0
        for w in wrinkles:
            d = math.sqrt((x - w.x) ** 2 + (y - w.y) ** 2)
            g = w.strength * math.exp(-(d**2) / (2 * (1.5 * w.radius) ** 2))
            swirl, pull = math.sin(2 * d / w.radius), 0.2 * math.exp(-d / (0.8 * w.radius))
            dx += g * (math.cos(w.angle + d / w.radius) * swirl + math.sin(2 * w.angle) * pull)
            dy += g * (math.sin(w.angle + d / w.radius) * swirl + math.cos(2 * w.angle) * pull)
        warp = Crumpling(SIZE, wrinkles)
        np.testing.assert_allclose(warp.displacement(np.array(x), np.array(y)), (dx, dy), atol=1e-12)
        assert math.hypot(dx, dy) <= warp.reach


def test_crumpling_is_drawn_in_the_reports_ranges_scaled_with_the_picture():
    for seed, size in [(0, (512, 512)), (1, (128, 700)), (2, (2048, 1024))]:
        scale = min(size) / 512
        wrinkles = Crumpling.draw(np.random.default_rng(seed), size, 0.3).wrinkles
        assert len(wrinkles) == 3
        for index, w in enumerate(wrinkles):
            assert 0.2 <= w.x / size[0] <= 0.8 and 0.2 <= w.y / size[1] <= 0.8
            assert 40 <= w.radius / scale <= 80 and 3 <= w.strength / scale / 0.3 <= 8
            assert all(math.hypot(w.x - o.x, w.y - o.y) >= 80 * scale for o in wrinkles[:index])


def test_too_many_wrinkles_are_refused():
    with pytest.raises(CellmarkError, match="no room for wrinkle"):
        Crumpling.draw(np.random.default_rng(0), SIZE, count=100)


def test_curvature_is_the_formula():
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    bent = Curvature((60, 40), 0.2).warp(image)
    for y in range(40):
        source = np.arange(60) - 0.2 * 60 * math.sin(2 * math.pi * y / 40)
        left = np.floor(source).astype(int)
        row = np.full((62, 3), 255.0)
        row[1:61] = image[y]
        low, high = (row[np.clip(at + 1, 0, 61)] for at in (left, left + 1))
        share = (source - left)[:, None]
        # OpenCV rounds places to 1/32 px: half of that times the largest contrast
        assert np.abs(bent[y] - (low + share * (high - low))).max() <= 255 / 64 + 1


def test_rotation_by_a_quarter_turn_is_exact():
    image = np.random.default_rng(0).integers(0, 255, (31, 31, 3)).astype(np.uint8)
    warp = Rotation((31, 31), 90.0)
    np.testing.assert_array_equal(warp.warp(image), np.rot90(image))  # counter-clockwise
    np.testing.assert_allclose(warp.move(np.array([[30.0, 0.0]])), [[0.0, 0.0]], atol=1e-12)


def test_borders():
    image = np.full((20, 20, 3), 100, np.uint8)
    warp = Rotation((20, 20), 45.0)
    assert (warp.warp(image)[0, 0] == 255).all()
    for border in ("reflect", "replicate"):
        assert (warp.warp(image, border) == 100).all()
    with pytest.raises(CellmarkError, match="border='black'"):
        warp.warp(image, "black")
    with pytest.raises(CellmarkError, match="20 x 20 pixels, an image of 30 x 20"):
        warp.warp(np.zeros((20, 30, 3), np.uint8))


def test_inside_counts_whole_pixels():
    points = np.array([[-0.5, 0.0], [-0.51, 0.0], [19.5, 9.5], [19.5, 9.51]])
    np.testing.assert_array_equal(Rotation((20, 10), 0.0).inside(points), [True, False, True, False])


def test_a_folded_field_is_seen_and_drawn_again():
    points = grid(SIZE, 0.2, 0.8, 5)
    folded = Crumpling(SIZE, (Wrinkle(250.0, 250.0, 40.0, 60.0, 0.3),))
    flat = Crumpling(SIZE, (Wrinkle(250.0, 250.0, 40.0, 2.0, 0.3),))
    assert folded.smallest_determinant(points) < 0 < SMALLEST_DETERMINANT < flat.smallest_determinant(points)
    fields = iter([folded, folded, flat])
    assert draw_unfolded(lambda rng: next(fields), np.random.default_rng(0), points) == (flat, 2)
    with pytest.raises(CellmarkError, match="7 random fields in a row"):
        draw_unfolded(lambda rng: folded, np.random.default_rng(0), points, most=7)


def test_a_fold_at_the_tip_of_a_wrinkle_is_seen():
    """The displacement has a cone there; its steepest direction falls between the points of any grid."""
    w = Wrinkle(250.3, 250.7, 40.0, 20.5, 0.3)
    slope = np.array([2 * math.cos(w.angle) - 0.25 * math.sin(2 * w.angle)]) / w.radius
    slope = np.append(slope, (2 * math.sin(w.angle) - 0.25 * math.cos(2 * w.angle)) / w.radius)
    expected = 1 - w.strength * np.hypot(*slope)  # det(1 + a slope r^T) at its least
    found = Crumpling(SIZE, (w,)).smallest_determinant(grid(SIZE, 0.4, 0.6, 3))
    assert found <= expected + 0.03


def test_a_point_without_a_place_is_an_error():
    class Torn(Crumpling):
        def displacement(self, x, y):
            return np.where(x < 250, -10.0, 10.0) * np.ones_like(y), np.zeros_like(x + y)

    with pytest.raises(CellmarkError, match=r"1 keypoints have no place .* \(250, 100\)"):
        Torn(SIZE, ()).move(np.array([[250.0, 100.0], [400.0, 100.0]]))
