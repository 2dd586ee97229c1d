"""Sheets of groups."""

import numpy as np
import pytest

from cellmark.viz.groups import COLUMNS, TILE, Shown, group_sheet, overview_sheet, tile
from cellmark.viz.sheet import contact_sheet

STEP, CAPTION = TILE + 8, 14 + 8


def shown(name: str, values: list[int], total: int) -> Shown:
    tiles = [np.full((TILE, TILE, 3), value, np.uint8) for value in values]
    return Shown(name, [f"{value}.png" for value in values], tiles, total)


def middles(sheet: np.ndarray, top: int, rows: int) -> list[int]:
    """The grey level in the middle of every place."""
    half = 8 + TILE // 2
    return [
        int(sheet[top + row * (STEP + CAPTION) + half - 8, half + column * STEP, 0])
        for row in range(rows)
        for column in range(COLUMNS)
    ]


def test_a_sheet_shows_every_tile_its_name_and_how_many_there_are():
    values = list(range(10, 200, 20))
    one = shown("group_1", values, 300)
    sheet = group_sheet(one)
    assert middles(sheet, sheet.shape[0] - 2 * (STEP + CAPTION), 2) == values + [255] * (2 * COLUMNS - len(values))
    names, title = [f"{value}.png" for value in values], "group_1: 10 of 300 images"
    np.testing.assert_array_equal(sheet, contact_sheet(one.tiles, COLUMNS, TILE, names, title))


def test_the_overview_has_a_row_for_each_group_evenly_chosen():
    sheet = overview_sheet([shown("group_1", [10, 20], 2), shown("group_2", list(range(30, 45)), 99)])
    assert middles(sheet, 8, 2) == [10, 20, *[255] * 6, 30, 32, 34, 36, 38, 40, 42, 44]
    below = sheet[8 + TILE : 8 + STEP + CAPTION - 8]
    assert (below[:, 8 : 8 + TILE] < 100).any() and (below[:, 8 + STEP :] == 255).all()


@pytest.mark.parametrize(("size", "expected"), [((1000, 500), (176, 88)), ((20, 30), (20, 30)), ((3, 2000), (1, 176))])
def test_tiles_are_small_and_keep_their_shape(size, expected):
    assert tile(np.zeros((*size, 3), np.uint8)).shape == (*expected, 3)
