import numpy as np
import pytest

from cellmark.viz.sheet import contact_sheet, letterbox


def plain(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_tiles_come_row_by_row():
    colours = [10, 80, 160, 200, 250]
    sheet = contact_sheet([plain(50, 50, value) for value in colours], 3, 40)
    assert sheet.shape == (8 + 2 * 48, 8 + 3 * 48, 3) and sheet.dtype == np.uint8
    centres = [(28 + 48 * (index // 3), 28 + 48 * (index % 3)) for index in range(5)]
    assert [sheet[centre].tolist() for centre in centres] == [[value] * 3 for value in colours]
    assert (sheet[28 + 48, 28 + 96] == 255).all()


@pytest.mark.parametrize(("height", "width"), [(100, 50), (50, 100), (3, 900), (900, 3), (7, 7)])
def test_pictures_keep_their_shape(height, width):
    square = letterbox(plain(height, width, 0), 80)
    dark = (square == 0).all(axis=2)
    assert square.shape == (80, 80, 3)
    assert max(dark.any(axis=0).sum(), dark.any(axis=1).sum()) == 80
    expected = max(1, round(80 * width / max(height, width)))
    assert dark.any(axis=0).sum() == expected


def test_captions_and_title_are_written_and_cut_to_their_width():
    images = [plain(30, 30, 128)] * 2
    sheet = contact_sheet(images, 2, 60, ["a" * 500, "b"], "été, \ud800 and\nmore")
    bare = contact_sheet(images, 2, 60)
    assert sheet.shape[1] == bare.shape[1] and sheet.shape[0] > bare.shape[0]
    below = sheet[-20:]
    assert (below[:, 8:68] < 100).any() and (below[:, 76:] < 100).any() and (below[:, 68:76] == 255).all()
    assert (sheet[8:32] < 100).any()


def test_captions_must_fit_the_images():
    with pytest.raises(ValueError, match="1 captions for 2 images"):
        contact_sheet([plain(3, 3, 0)] * 2, 2, 10, ["a"])


def test_an_empty_sheet_is_paper():
    assert (contact_sheet([], 3, 40, [], None) == 255).all()
