"""The keypoints against what a camera would measure: blobs at the cell centres, through the same maps."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from cellmark.data.generate.dots import stamped_dots
from cellmark.data.generate.fields import pixel_grid
from cellmark.data.generate.geometry import TOLERANCE, Cylinder, SurfaceMap, Wrinkles, folds
from cellmark.data.generate.layout import Layout, Placed, arrange
from cellmark.data.generate.optics import ENLARGED_BY, blur_kernel, reduced
from cellmark.data.generate.optics import enlarged as enlarged_again
from cellmark.data.generate.raster import Raster, offsets_from_texels, stamp
from cellmark.data.generate.recipes import RECIPES
from cellmark.data.generate.rendered import drawn_ink
from cellmark.data.generate.views import View

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


@pytest.mark.parametrize("condition", RECIPES)
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
    assert inside.sum() >= 40
    assert error[inside].max() < 0.05


def _least_step(layout: Layout) -> float:
    steps = [np.linalg.norm(np.diff(c, axis=axis), axis=2).min() for c in layout.centres for axis in (0, 1)]
    return float(min(steps))


@pytest.mark.parametrize("condition", RECIPES)
def test_backward_map_inverts_forward_map(condition: str) -> None:
    for seed in range(6):
        layout = layout_of(condition, seed, 1.2)
        for placed, centres in zip(layout.placed, layout.centres, strict=True):
            points = centres.reshape(-1, 2)
            view = layout.surface.to_plane(points[:, 0], points[:, 1])
            back = np.stack([view.x, view.y], axis=1)
            assert np.abs(back - placed.centres().reshape(-1, 2)).max() < 2 * TOLERANCE


@pytest.mark.parametrize("condition", RECIPES)
def test_cells_are_far_enough_apart_and_codes_large_enough(condition: str) -> None:
    for seed in range(8):
        view = replace(RECIPES[condition].view, close=0.0)
        layout = arrange(view, SIZE, np.random.default_rng(100 + seed), 1.0, 5.0)
        everything = np.concatenate([c.reshape(-1, 2) for c in layout.centres])
        side = (everything.max(axis=0) - everything.min(axis=0)).max()
        assert 0.2 * SIZE < side < (1.0 if view.flush else 0.96) * SIZE
        for centres in layout.centres:
            far = [
                np.linalg.norm(centres[3:] - centres[:-3], axis=2),
                np.linalg.norm(np.diff(centres, axis=1), axis=2),
            ]
            assert far[0].min() / 3 >= 4.99
            assert far[1].min() > 3.4  # a single mark of a stylus may lie nearer to the next


@pytest.mark.parametrize("condition", RECIPES)
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


@pytest.mark.parametrize("condition", [name for name, recipe in RECIPES.items() if recipe.view.close])
def test_close_pictures_show_a_part_of_large_codes_at_the_pitch_of_the_others(condition: str) -> None:
    view = replace(RECIPES[condition].view, close=1.0)
    layouts = [arrange(view, SIZE, np.random.default_rng(seed), 0.8, 5.0) for seed in range(30)]
    parts = 0
    for layout in layouts:
        assert 4.99 <= layout.pitch <= 60  # the mean lies above the smallest, far above it on a bent part
        labelled = [code.keypoints[:, 2] > 0 for code in layout.codes()]
        assert sum(map(np.sum, labelled)) >= 16
        assert all(map(np.any, labelled))
        parts += not all(map(np.all, labelled))
    assert parts >= 10
    assert max(code.shape[1] for layout in layouts for code in layout.placed) > 48


def test_codes_seen_from_behind_run_the_other_way() -> None:
    view = RECIPES["7_rendered"].view
    for mirror in (0.0, 1.0):
        for seed in range(5):
            (*centres,) = arrange(replace(view, mirror=mirror), SIZE, np.random.default_rng(seed), 0.5, 5.0).centres
            for grid in centres:
                (rx, ry), (dx, dy) = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
                assert (rx * dy - ry * dx < 0) == bool(mirror)


def test_flush_codes_begin_at_the_edge() -> None:
    view = replace(RECIPES["7_rendered"].view, flush=1.0, frontal=1.0, close=0.0, several=0.0)
    touching = 0
    for seed in range(20):
        layout = arrange(view, SIZE, np.random.default_rng(seed), 0.5, 5.0)
        cells = layout.centres[0].reshape(-1, 2)
        half = np.linalg.norm(layout.centres[0][0, 1] - layout.centres[0][0, 0]) / 2
        gaps = np.concatenate([cells.min(axis=0) + 0.5, SIZE - 0.5 - cells.max(axis=0)]) - half
        assert gaps.min() > -1e-6
        touching += bool(gaps.min() < 1e-6)
    assert touching >= 12


@pytest.mark.parametrize("side", [64, 77, 130, 203])
@pytest.mark.parametrize("method", ENLARGED_BY)
def test_a_coarse_camera_keeps_centres(side: int, method: int) -> None:
    x, y = (axis.astype(np.float64) for axis in pixel_grid(SIZE))
    sigma = 1.5 * SIZE / side  # a blob of several of the large pixels: finer ones are sampled, not measured
    for place in np.random.default_rng(side).uniform(100, 156, (8, 2)):
        blob = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * sigma**2)).astype(np.float32)
        picture = enlarged_again(reduced(blob, side), SIZE, method).astype(np.float64)
        found = np.array([(picture * x).sum(), (picture * y).sum()]) / picture.sum()
        assert np.abs(found - place).max() < 0.05


def test_a_coarse_camera_leaves_a_picture_of_its_own_size_alone() -> None:
    picture = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    assert reduced(picture, 32) is picture


def every_third(layout: Layout) -> Layout:
    """The same view of codes of which only single modules, far apart, are black."""

    def lonely(code: Placed) -> Placed:
        rows, cols = np.indices(code.shape)
        return replace(code, symbol=replace(code.symbol, modules=(rows % 3 == 1) & (cols % 3 == 1)))

    return replace(layout, placed=tuple(lonely(code) for code in layout.placed))


def drawn_dots(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    raster = Raster.of(layout)
    return raster.view(stamped_dots(rng, raster, layout, 0.0, 0.0).disc, layout)


def drawn_modules(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    return drawn_ink(rng, layout, 0.0)


@pytest.mark.parametrize("draw", [drawn_dots, drawn_modules])
def test_marks_lie_at_the_keypoints(draw: Callable[[np.random.Generator, Layout], np.ndarray]) -> None:
    view = View(tilt=0.0, several=0.0)
    errors = []
    for seed in range(20):
        layout = every_third(arrange(view, SIZE, np.random.default_rng(seed), 0.0, 9.0))
        marks = draw(np.random.default_rng(seed), layout)
        centres = layout.centres[0][1:-1:3, 1:-1:3][1:-1, 1:-1].reshape(-1, 2)  # text may come close to the outer ones
        reach = int(1.3 * layout.pitch)
        errors.append(np.linalg.norm(centroids(marks, centres, reach) - centres, axis=1))
    found = np.concatenate(errors)
    found = found[np.isfinite(found)]
    assert len(found) > 100
    assert abs(np.median(found)) < 0.05
    assert found.max() < 0.25  # bilinear samples of a hard edge, taken at whole pixels
