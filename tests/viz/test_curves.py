import sys

import numpy as np
import pytest

from cellmark.viz import curves
from cellmark.viz.curves import draw_curves


def ramp(first=0.2, last=0.9, epochs=12):
    return [[epoch + 1, value] for epoch, value in enumerate(np.linspace(first, last, epochs).tolist())]


FULL = {
    "train/loss": ramp(300, 0.4),
    "val/loss": ramp(200, 0.6),
    "train/mse": ramp(0.04, 0.01),
    "val/mse": ramp(0.05, 0.02),
    "val/ap": ramp(),
    "val/pck": ramp(),
    "val/cell_f1_50": ramp(),
    "val/cell_precision_50": ramp(),
    "val/cell_recall_50": ramp(),
    "val/cell_f1_25": ramp(0, 0.8),
    "val/cell_f1_50/black": ramp(),
    "val/cell_f1_50/white": ramp(0.1, 0.8),
    "val/loc_error_px": ramp(2, 0.3),
    "val/loc_error_pitch": ramp(0.3, 0.05),
    "lr": ramp(1e-3, 1e-6),
}


def colour_pixels(picture, colour):
    target = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
    return int((np.abs(picture.astype(int) - target).max(axis=2) < 12).sum())


def test_all_panels_on_one_picture():
    picture = draw_curves(FULL, "a run, epoch 12")
    assert picture.shape == (640, 1600, 3) and picture.dtype == np.uint8
    for row in range(2):
        for column in range(4):
            panel = picture[row * 320 : (row + 1) * 320, column * 400 : (column + 1) * 400]
            assert colour_pixels(panel, curves.COLOURS[0]) > 50, (row, column)
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_a_curve_lies_where_its_values_are():
    """Rising values rise on the picture: the curve's pixels go up from left to right, falling ones down."""
    for values, sign in ((ramp(0.1, 0.9), -1), (ramp(0.9, 0.1), 1)):
        picture = draw_curves({"val/ap": values}).astype(int)
        target = np.array([0xC0, 0x39, 0x2B])
        rows, columns = np.nonzero(np.abs(picture - target).max(axis=2) < 12)
        # the legend holds a short line of the same colour: fewer columns than the curve
        spread = [np.median(rows[np.abs(columns - place) < 4]) for place in np.quantile(columns, [0.1, 0.9])]
        assert sign * (spread[1] - spread[0]) > 60


def test_panels_without_data_are_left_out():
    one = draw_curves({"val/mse": ramp(), "val/cell_f1_50": [], "other/metric": ramp()})
    assert one.shape == (320, 400, 3)
    with pytest.raises(ValueError, match="no metric"):
        draw_curves({"val/mse": []})


def test_too_many_folders_are_left_out():
    groups = {f"val/cell_f1_50/fold{k}": ramp() for k in range(curves.MOST_GROUPS + 1)}
    assert draw_curves({"val/mse": ramp(), **groups}).shape == (320, 400, 3)
    groups.popitem()
    assert draw_curves({"val/mse": ramp(), **groups}).shape == (320, 800, 3)


@pytest.mark.parametrize(
    "values", [[[1, 0.5]], [[1, float("nan")]], [[1, float("inf")], [2, 0.3]], [[1, 0.0], [2, 5.0]], [[1, -3], [2, 90]]]
)
def test_any_values_are_drawn(values):
    assert draw_curves({"val/mse": values, "lr/0": values, "lr/1": values}).std() > 5


def test_names_that_matplotlib_would_trip_over():
    names = ["_hidden", "$math", "a$b$c", "\\frac{", "\ud800", "漢字", "{x}", "%"]
    assert draw_curves({f"val/cell_f1_50/{name}": ramp() for name in names}, "$title_{ 漢字").shape == (320, 400, 3)
