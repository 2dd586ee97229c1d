import numpy as np
import pytest

from cellmark.viz.gallery import Gallery, Picture, shrunk


def test_the_sheet_names_its_folder_and_keeps_empty_places_white():
    grey = np.full((40, 40, 3), 90, np.uint8)
    gallery = Gallery("folder", "title", "note", [Picture(grey, "a"), Picture(None), Picture(grey)], 2, 60)
    sheet = gallery.sheet()
    own = Gallery("", "title", "note", gallery.pictures, 2, 60).sheet()
    assert sheet.shape == own.shape and (sheet[:40] != own[:40]).any()  # the titles differ
    top = sheet.shape[0] - 2 * (60 + 8 + 14 + 8)
    assert (sheet[top + 30, 38] == 90).all() and (sheet[top + 30, 8 + 68 + 30] == 255).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((600, 300), (100, 50)), ((100, 99), (100, 99)), ((4, 3000), (1, 100)), ((150, 200), (75, 100))],
)
def test_pictures_are_made_smaller_and_never_larger(shape, expected):
    image = np.full((*shape, 3), 77, np.uint8)
    image[:, shape[1] // 2 :] = 177
    small = shrunk(image, 100)
    assert small.shape == (*expected, 3)
    assert (small[:, : expected[1] // 2 - 1] == 77).all() and (small[:, expected[1] // 2 + 1 :] == 177).all()
