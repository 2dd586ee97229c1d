"""The keypoints against what a camera would measure: blobs at the cell centres, through the same maps."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cellmark.data.generate.fields import pixel_grid
from cellmark.data.generate.geometry import TOLERANCE, Cylinder, SurfaceMap, Wrinkles, folds
from cellmark.data.generate.layout import Layout, arrange
from cellmark.data.generate.optics import blur_kernel
from cellmark.data.generate.raster import Raster, offsets_from_texels, stamp
from cellmark.data.generate.scenes import CONDITIONS, RECIPES

SIZE = 256
ZOOM = 6  # blobs must be small beside a cell's bend, and large beside a pixel: so the picture is taken larger
BLOB = 0.035  # of a module; on a bent cell the centroid of a blob is off by the square of its size


def layout_of(condition: str, seed: int, severity: float) -> Layout:
    return arrange(RECIPES[condition].view, SIZE, np.random.default_rng(seed), severity, 5.0)


def enlarged(layout: Layout) -> Layout:
    """The same geometry in a picture of ``ZOOM`` times as many pixels."""
    shift = 0.5 * ZOOM - 0.5
    zoom = np.array([[ZOOM, 0, shift], [0, ZOOM, shift], [0, 0, 1.0]])
    surface = replace(layout.surface, homography=zoom @ layout.surface.homography)
    seen = surface.to_plane(*pixel_grid(SIZE * ZOOM))
    return replace(layout, size=SIZE * ZOOM, surface=surface, pitch=layout.pitch * ZOOM, seen=seen)


def blob_picture(layout: Layout, centres: np.ndarray, sigma: float) -> np.ndarray:
    raster = Raster.of(layout)
    points, dx, dy = offsets_from_texels(raster, centres, int(np.ceil(4 * sigma * raster.scale)))
    texture = raster.blank()
    stamp(raster, texture, points, np.exp(-(dx**2 + dy**2) / (2 * sigma**2)))
    return raster.view(texture, layout)


def centroids(picture: np.ndarray, expected: np.ndarray, reach: int) -> np.ndarray:
    """Intensity-weighted centroids about the expected places; NaN where a window leaves the picture."""
    line = np.arange(-reach, reach + 1)
    found = np.full(expected.shape, np.nan)
    for index, (x, y) in enumerate(np.rint(expected).astype(int)):
        window = picture[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1].astype(np.float64)
        if window.shape == (len(line), len(line)):
            total = window.sum()
            found[index] = x + (window.sum(0) * line).sum() / total, y + (window.sum(1) * line).sum() / total
    return found


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(("seed", "severity"), [(1, 0.3), (2, 1.0), (3, 1.5)])
def test_blobs_lie_at_the_keypoints(condition: str, seed: int, severity: float) -> None:
    layout = layout_of(condition, seed, severity)
    large = enlarged(layout)
    every = np.concatenate([code.centres().reshape(-1, 2) for code in layout.placed])
    keypoints = np.concatenate([code.keypoints[:, :2] for code in layout.codes()])
    picture = blob_picture(large, every, BLOB)
    kernel = blur_kernel(0.4, 3.0, 1.0)
    picture = cv2.filter2D(picture, -1, kernel)
    expected = (keypoints + 0.5) * ZOOM - 0.5
    reach = int(0.5 * _least_step(layout) * ZOOM)
    measured = (centroids(picture, expected, reach) + 0.5) / ZOOM - 0.5
    error = np.linalg.norm(measured - keypoints, axis=1)
    inside = ((expected >= reach + 1) & (expected <= SIZE * ZOOM - reach - 2)).all(axis=1)
    assert inside.sum() >= 50
    assert error[inside].max() < 0.05


def _least_step(layout: Layout) -> float:
    steps = [np.linalg.norm(np.diff(c, axis=axis), axis=2).min() for c in layout.centres for axis in (0, 1)]
    return float(min(steps))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_backward_map_inverts_forward_map(condition: str) -> None:
    for seed in range(6):
        layout = layout_of(condition, seed, 1.2)
        for placed, centres in zip(layout.placed, layout.centres, strict=True):
            points = centres.reshape(-1, 2)
            view = layout.surface.to_plane(points[:, 0], points[:, 1])
            back = np.stack([view.x, view.y], axis=1)
            assert np.abs(back - placed.centres().reshape(-1, 2)).max() < 2 * TOLERANCE


@pytest.mark.parametrize("condition", CONDITIONS)
def test_cells_are_far_enough_apart_and_codes_large_enough(condition: str) -> None:
    for seed in range(8):
        layout = layout_of(condition, 100 + seed, 1.0)
        everything = np.concatenate([c.reshape(-1, 2) for c in layout.centres])
        side = (everything.max(axis=0) - everything.min(axis=0)).max()
        assert 0.2 * SIZE < side < 0.96 * SIZE
        for centres in layout.centres:
            far = [
                np.linalg.norm(centres[3:] - centres[:-3], axis=2),
                np.linalg.norm(np.diff(centres, axis=1), axis=2),
            ]
            assert far[0].min() / 3 >= 4.99
            assert far[1].min() > 3.4  # a single mark of a stylus may lie nearer to the next


@pytest.mark.parametrize("condition", CONDITIONS)
def test_codes_do_not_overlap(condition: str) -> None:
    view = replace(RECIPES[condition].view, several=1.0)
    for seed in range(4):
        layout = arrange(view, SIZE, np.random.default_rng(seed), 1.0, 5.0)
        assert 2 <= len(layout.placed) <= 4
        taken: set[tuple[int, int]] = set()
        for code in layout.placed:
            rows, cols = code.shape
            cells = {(code.origin[0] + i, code.origin[1] + j) for i in range(cols) for j in range(rows)}
            assert not cells & taken
            taken |= cells


def test_a_sheet_that_folds_is_recognised() -> None:
    ripple = np.array([[1.0, 0.0, 2.0, 0.0, 0.0]])  # slope 2: the sheet runs backwards
    low, high = np.array([-5.0, -5.0]), np.array([5.0, 5.0])
    assert folds(Wrinkles(waves=ripple), low, high)
    assert not folds(Wrinkles(waves=ripple * [0.2, 1, 1, 1, 1]), low, high)


def test_points_behind_a_cylinder_are_not_a_number() -> None:
    surface = SurfaceMap(np.eye(3), Cylinder(2.0))
    points = surface.to_image(np.array([[1.0, 0.0], [3.5, 0.0]]))
    assert np.isfinite(points[0]).all()
    assert np.isnan(points[1]).any()


@pytest.mark.parametrize(("defocus", "motion"), [(0.0, 0.0), (1.3, 0.0), (0.8, 7.5)])
def test_blur_keeps_centres(defocus: float, motion: float) -> None:
    kernel = blur_kernel(defocus, motion, 0.7)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-9)
