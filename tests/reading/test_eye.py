"""How a picture is looked at, with a network that knows where all cells are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from cellmark.errors import CellmarkError
from cellmark.reading.eye import Eye, Region, blackness
from tests.reading.perfect import canvas, drawn, model_of

CPU = torch.device("cpu")
SIZE = 300, 220  # width and height


def eye_for(*codes, size=SIZE, classes=("black", "white")):
    return Eye(model_of(codes, size, classes), CPU)


def agrees(sight, code, within):
    """Every cell of the code was seen within so many pixels, with its class, and nothing else was."""
    cells, black = code.cells.reshape(-1, 2), code.black.ravel()
    assert len(sight.points) == len(cells)
    distance, nearest = cKDTree(sight.points).query(cells)
    assert len(set(nearest.tolist())) == len(cells) and distance.max() < within
    assert (sight.black[nearest][black] > 0.9).all() and (sight.black[nearest][~black] < 0.1).all()


@pytest.mark.parametrize("zoom", [0.5, 0.77, 1.0, 1.9])
@pytest.mark.parametrize("classes", [("black", "white"), ("white", "black")])
def test_cells_are_told_in_pixels_of_the_picture(zoom, classes):
    code = drawn("abc", (140.3, 108.8), 13.0, angle=20)
    sight = eye_for(code, classes=classes).look(canvas(*SIZE), zoom)
    agrees(sight, code, within=0.15)
    assert sight.origin == (0, 0) and sight.scale == (round(300 * zoom) / 300, round(220 * zoom) / 220)


@pytest.mark.parametrize("zoom", [0.8, 1.0])
def test_cells_count_only_where_a_code_may_be(zoom):
    codes = drawn("here", (80, 100), 9.0, 10), drawn("not", (230, 110), 9.0, 40)
    eye = eye_for(*codes)
    whole = eye.network.forward

    def half_blind(images):
        maps = whole(images)
        maps["scale"][:, 0, :, maps["scale"].shape[3] // 2 :] = -6
        return maps

    eye.network.forward = half_blind
    agrees(eye.look(canvas(*SIZE), zoom), codes[0], within=0.15)


@pytest.mark.parametrize("box", [(60.4, 40.2, 221.3, 190.0), (-30.0, -9.5, 240.0, 250.0), (70.0, 50.0, 310.0, 200.0)])
@pytest.mark.parametrize("zoom", [0.8, 1.0, 2.3])
def test_a_part_is_cut_out_and_told_in_pixels_of_the_whole(box, zoom):
    code = drawn("abc", (140.3, 120.8), 9.0, angle=-30)
    eye = eye_for(code)
    sight = eye.look(canvas(*SIZE), zoom, Region(box, 9.0, 1.0, 1.0))
    agrees(sight, code, within=0.15)
    assert sight.origin == (max(0, int(box[0])), max(0, int(box[1])))
    high, wide = eye.network.looks[-1]
    left, top, right, bottom = np.clip(box, 0, [300, 220, 300, 220])
    assert wide / zoom == pytest.approx(right - left, abs=2.5) and high / zoom == pytest.approx(bottom - top, abs=2.5)


@pytest.mark.parametrize("zoom", [0.6, 1.0, 1.7])
def test_places_without_a_peak_are_looked_up(zoom):
    code = drawn("abc", (140.3, 108.8), 13.0, angle=20)
    hidden = np.random.default_rng(0).random(code.black.shape) < 0.2
    sight = eye_for(replace(code, shown=~hidden)).look(canvas(*SIZE), zoom, Region((30, 0, 250, 218), 13.0, 1.0, 1.0))
    seen = sight.sample(code.cells)
    assert seen.shape == code.black.shape
    assert (seen[~hidden & code.black] > 0.8).all() and (seen[~hidden & ~code.black] < 0.2).all()
    assert np.abs(seen[hidden] - 0.5).max() < 0.25  # nothing is known there
    assert sight.sample(np.array([[-500.0, 20.0], [20.0, 1e5], [32.0, 2.0]])).tolist() == pytest.approx(
        [0.5] * 3, abs=0.01
    )


@pytest.mark.parametrize("zoom", [0.3, 1.0, 1.7])
def test_regions_hold_the_codes_and_their_pitch(zoom):
    small, large = drawn("abc", (60, 60), 6.0, angle=15), drawn("xyz", (260, 160), 14.0, angle=40)
    size = (400, 300)
    sight = eye_for(small, large, size=size).look(canvas(*size), zoom)
    first, second = sight.regions()
    for region, code in ((first, large), (second, small)):
        left, top, right, bottom = region.box
        low, high = code.corners.min(axis=0), code.corners.max(axis=0)
        assert left <= low[0] and top <= low[1] and right >= high[0] and bottom >= high[1]
        slack = 6 * code.pitch + 4 * 8 / zoom
        assert right - left < high[0] - low[0] + slack and bottom - top < high[1] - low[1] + slack
        assert region.pitch == pytest.approx(code.pitch, rel=0.02)
        assert region.score == pytest.approx((12 * code.pitch) ** 2, rel=0.5)


@pytest.mark.parametrize("zoom", [0.5, 1.3])
def test_regions_within_a_part_are_told_in_pixels_of_the_whole(zoom):
    code, other = drawn("abc", (250, 160), 9.0, angle=30), drawn("xyz", (70, 70), 9.0)
    eye = eye_for(code, other, size=(400, 300))
    (region,) = eye.look(canvas(400, 300), zoom, Region((150.5, 40.2, 371.0, 280.0), 9.0, 1.0, 1.0)).regions()
    low, high = code.corners.min(axis=0), code.corners.max(axis=0)
    assert (np.array(region.box[:2]) <= low).all() and (np.array(region.box[2:]) >= high).all()
    assert np.abs(np.array(region.box).reshape(2, 2).mean(axis=0) - (250, 160)).max() < 8 / zoom


def test_an_empty_picture_has_no_regions():
    sight = eye_for().look(canvas(*SIZE), 1.0)
    assert not len(sight.points) and sight.regions() == [] and sight.black.shape == (0,)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (400, 3), (2, 300)])
@pytest.mark.parametrize("zoom", [0.3, 1.0, 4.0])
def test_slivers_can_be_looked_at(size, zoom):
    sight = eye_for(size=size).look(np.full((*size[::-1], 3), 99, np.uint8), zoom)
    assert not len(sight.points) and sight.regions() == []


def test_blackness():
    heights = np.array([[0.95, 0.0, 0.0, 0.45], [0.0, 0.95, 0.0, 0.45]])
    np.testing.assert_allclose(blackness(heights), [1 / 1.05, 0.05 / 1.05, 0.5, 0.5])


def test_models_that_cannot_read_are_refused():
    model = model_of([], SIZE)
    with pytest.raises(CellmarkError, match=r"classes black and white, the model has \['cell'\]"):
        Eye(replace(model, classes=("cell",)), CPU)
    model.network.channels = {"heatmap": 2}
    with pytest.raises(CellmarkError, match=r"needs the head scale .*, the model has \['heatmap'\]"):
        Eye(model, CPU)
