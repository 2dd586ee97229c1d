import numpy as np

from cellmark.viz.overlay import CELL_COLOURS
from cellmark.viz.prediction_sheet import PredictionRow, prediction_sheet


def row(truth, found, heat):
    """One cell of class ``truth`` and one of class ``found`` in the middle of a grey picture."""
    maps = np.zeros((2, 8, 8), np.float32)
    maps[heat] = 1
    middle = np.array([[31.5, 31.5], [5.0, 5.0]])
    image = np.full((64, 64, 3), 128, np.uint8)
    return PredictionRow(image, middle, np.array([truth, -1]), middle[:1], np.array([found]), maps, "a/b.png")


def test_each_row_shows_picture_truth_prediction_and_heat():
    sheet = prediction_sheet([row(0, 1, 0), row(1, 0, 1)], None, 512)
    assert sheet.shape[1] == 8 + 4 * 520 and sheet.dtype == np.uint8
    red, blue = CELL_COLOURS[:2]
    rows = [8 + 256, 8 + 256 + 520 + 22]  # the middles of the pictures; captions are 22 pixels high
    shown = [[tuple(sheet[y, 8 + 256 + column * 520].tolist()) for column in range(4)] for y in rows]
    assert shown == [[(128, 128, 128), red, blue, red], [(128, 128, 128), blue, red, blue]]


def test_an_empty_sheet_is_paper():
    assert (prediction_sheet([], None, 50) == 255).all()
