import numpy as np
import pytest

from cellmark.viz.folds import BAR, DOT, WORST, FoldPanel, draw_folds

NAMES = ["clean", "scratched", "dirty"]


def at(picture, colour):
    """Rows and columns of the pixels of a colour."""
    target = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
    return np.nonzero(np.abs(picture.astype(int) - target).max(axis=2) < 12)


def centres(picture, colour):
    """Row and column of the centre of every mark of a colour, top to bottom."""
    rows, columns = at(picture, colour)
    parts = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) > 3) + 1)
    return np.array([(rows[part].mean(), columns[part].mean()) for part in parts if len(part)])


def test_dots_lie_where_their_values_are():
    values = [0.2, 0.5, 0.8, 0.4, 0.9]
    marks = centres(draw_folds(list("abcde"), [FoldPanel("val/ap", "", values)]), DOT)
    assert np.allclose(np.diff(marks[:, 0]), np.diff(marks[:, 0]).mean(), atol=1)  # a row for each, in their order
    scale = (marks[-1, 1] - marks[0, 1]) / (values[-1] - values[0])
    assert scale > 100
    assert np.allclose(marks[:, 1], marks[0, 1] + scale * (np.array(values) - values[0]), atol=1)


def test_the_worst_fold_is_marked_and_a_missing_one_leaves_a_gap():
    panel = FoldPanel("val/mse", "lower is better", [0.1, 0.9, None, 0.2], 0.4, 0.43, worst=1)
    picture = draw_folds(list("abcd"), [panel])
    blue, red = centres(picture, DOT), centres(picture[:-40], WORST)
    assert len(blue) == 2 and len(red) == 1
    row = red[0, 0] - blue[0, 0]
    assert blue[1, 0] - blue[0, 0] == pytest.approx(3 * row, abs=2)
    assert red[0, 1] > blue[:, 1].max()


def test_the_line_is_at_the_mean_and_the_band_as_wide_as_the_deviation():
    values, mean, std = [0.0, 1.0], 0.5, 0.25
    picture = draw_folds(["a", "b"], [FoldPanel("val/ap", "", values, mean, std, worst=0)])
    ((_, low),), ((_, high),) = centres(picture[:-40], WORST), centres(picture, DOT)
    place = low + (high - low) * np.array([mean - std, mean, mean + std])
    row = picture[int(centres(picture, DOT)[0, 0]) - 12].astype(int)  # between the folds
    tinted = np.flatnonzero((row[:, 2] - row[:, 0] > 8) & (row[:, 2] > 230))
    assert (tinted.min(), tinted.max()) == (pytest.approx(place[0], abs=2), pytest.approx(place[2], abs=2))
    assert np.flatnonzero(row.max(axis=1) < 120).mean() == pytest.approx(place[1], abs=1)


def test_bars_are_as_long_as_their_values():
    picture = draw_folds(NAMES, [FoldPanel("Time", "", [10.0, None, 40.0], bars=True)])
    rows, columns = at(picture, BAR)
    lengths = [np.count_nonzero(columns[rows == row]) for row in np.unique(rows)]
    assert sorted(set(lengths))[-1] == pytest.approx(4 * sorted(set(lengths))[0], abs=4) and len(set(lengths)) == 2


@pytest.mark.parametrize(("panels", "rows"), [(1, 1), (4, 1), (5, 2), (19, 5)])
def test_four_panels_in_a_row(panels, rows):
    picture = draw_folds(NAMES, [FoldPanel(f"val/m{k}", "", [0.1, 0.2, 0.3]) for k in range(panels)])
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    assert len({round(row / 20) for row in np.unique(centres(picture, DOT)[:, 0])}) == 3 * rows


def ink(picture):
    """Rows with something dark among the names, which are at the left of the diagram."""
    left = picture[:, : int(centres(picture, DOT)[0, 1]) - 160]
    assert not (left[:, :2] < 128).any()  # nothing is cut off
    return set(np.flatnonzero((left < 128).any(axis=(1, 2))))


@pytest.mark.parametrize("count", [3, 6, 15])
@pytest.mark.parametrize(
    ("name", "lines"), [("short", 1), ("a_rather_long_name_of_a_folder_of_pictures", 2), ("X" * 255, 3)]
)
def test_names_have_room(count, name, lines):
    """Neighbours share no row of pixels."""
    names, panel = [f"{index:02d}_{name}" for index in range(count)], FoldPanel("val/ap", "", [0.5] * count)
    even, odd = (
        draw_folds([one if index % 2 == part else " " for index, one in enumerate(names)], [panel]) for part in (0, 1)
    )
    assert even.shape == odd.shape == draw_folds(names, [panel]).shape
    assert not ink(even) & ink(odd)
    assert len(ink(even) | ink(odd)) >= 6 * lines * count


@pytest.mark.parametrize("name", ["_hidden", "$x^2$ \\frac", "half \ud800", "漢字", "a\nb", " ", "-_. /"])
def test_names_may_hold_anything(name):
    assert draw_folds([name], [FoldPanel(name, name, [0.5])], name).std() > 5


@pytest.mark.parametrize("values", [[0.0, 0.0], [1e-12, 2e-12], [3e38, -3e38], [5.0, 5.0]])
def test_any_values_are_drawn(values):
    assert len(centres(draw_folds(["a", "b"], [FoldPanel("val/loss", "", values)]), DOT)) == 2


def test_a_panel_without_values_says_so():
    empty, bare = (draw_folds(["a"], [FoldPanel("Time", "", value, bars=True)]) for value in ([None], [0.0]))
    assert (np.abs(empty.astype(int) - bare).max(axis=2) > 60).sum() > 100


@pytest.mark.parametrize(
    ("names", "panels"), [([], [FoldPanel("a", "", [])]), (["a"], []), (["a"], [FoldPanel("a", "", [1.0, 2.0])])]
)
def test_what_cannot_be_drawn_is_refused(names, panels):
    with pytest.raises(ValueError, match="cannot draw"):
        draw_folds(names, panels)
