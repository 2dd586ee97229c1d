from dataclasses import replace

import numpy as np
import pytest

from cellmark.viz.statistics import draw_statistics
from tests.data.test_findings import USUAL


def painted(image, colour):
    return int((np.abs(image.astype(int) - colour).max(axis=2) <= 3).sum())


@pytest.mark.parametrize("count", [1, 3])
def test_every_folder_has_a_row(count):
    image = draw_statistics([USUAL] * count, replace(USUAL, name="all folders"))
    assert image.shape[1] == 1600 and image.dtype == np.uint8
    assert image.shape[0] == pytest.approx(100 * (count + 1) + 115, abs=2)
    assert (image[0, 0] == 255).all()


def test_of_many_folders_some_are_drawn_evenly_chosen_and_the_picture_says_so(monkeypatch):
    monkeypatch.setattr("cellmark.viz.statistics.MOST_ROWS", 4)
    folders = [replace(USUAL, cells={"black": count, "white": 9 - count}) for count in range(10)]
    many, few = draw_statistics(folders, USUAL), draw_statistics(folders[::3], USUAL)
    note = many.shape[0] - 30
    assert (many[:note] == few[:note]).all()
    written = [int((image[note:] < 128).any(axis=2).sum()) for image in (many, few)]
    assert written[0] > 1.5 * written[1]


def test_bars_are_as_long_as_the_share_of_their_class():
    image = draw_statistics([replace(USUAL, cells={"black": 800, "white": 200})], USUAL)
    first = image[55 : 55 + 100]  # above the row of all
    red, blue = painted(first, (230, 40, 40)), painted(first, (40, 90, 240))
    assert 3 < red / blue < 4.5  # the names inside the bars take some


def test_the_dark_one_is_dark_and_shows_the_same():
    light, dark = (draw_statistics([USUAL], USUAL, dark=dark) for dark in (False, True))
    assert light.shape == dark.shape and light.mean() > 200 and dark.mean() < 60
    assert painted(light, (230, 40, 40)) == pytest.approx(painted(dark, (230, 40, 40)), rel=0.05)


def test_the_medians_lie_at_their_places_of_a_common_scale():
    folders = [replace(USUAL, input_pitch=np.full(9, pitch), contrast=np.zeros(0)) for pitch in (6.0, 8.0, 16.0)]
    every = replace(folders[0], input_pitch=np.array([6.0, *[8.0] * 4, *[16.0] * 4]))
    image = draw_statistics(folders, every)
    orange = np.argwhere(np.abs(image.astype(int) - (224, 133, 26)).max(axis=2) <= 60)
    orange = orange[orange[:, 1] > 800]  # not the edges of letters on the bars
    rows = np.split(orange, np.flatnonzero(np.diff(orange[:, 0]) > 5) + 1)  # a line for each folder, top to bottom
    first, second, third, median = (row[:, 1].mean() for row in rows)
    assert (third - second) / (second - first) == pytest.approx(4, abs=0.1) and median == pytest.approx(second, abs=1)


def test_what_is_not_defined_is_left_out():
    bare = replace(USUAL, cells={"cell": 9}, contrast=np.zeros(0), separability=np.zeros(0))
    few, many = draw_statistics([bare], bare), draw_statistics([USUAL, bare], USUAL)
    assert painted(few, (40, 90, 240)) == 0 and many.shape[0] > few.shape[0]
    nothing = replace(bare, cells={"cell": 0}, input_pitch=np.zeros(0))
    assert painted(draw_statistics([nothing], nothing), (230, 40, 40)) == 0


@pytest.mark.parametrize("name", ["_hidden", "$x^2$ \\frac", "half \ud800", "漢字", "a\nb", "x" * 300])
def test_names_of_folders_may_hold_anything(name):
    image = draw_statistics([replace(USUAL, name=name)], USUAL)
    assert (image[60:150, :230] < 128).any()  # it is written
