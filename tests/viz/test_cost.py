import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cellmark.viz import cost
from cellmark.viz.cost import Point, draw_cost, pareto_front
from cellmark.viz.curves import COLOURS
from cellmark.viz.labels import place_labels
from tests.viz.test_curves import colour_pixels

PANEL = 540  # pixels


def points(count, **changes):
    rng = np.random.default_rng(count)
    costs = [{"training time, s": x, "energy, Wh": 2 * x, "parameters": 100.0} for x in rng.uniform(1, 9, count)]
    values = rng.uniform(0.5, 0.9, count)
    return [
        Point(str(k), value, own)._replace(**changes) for k, (value, own) in enumerate(zip(values, costs, strict=True))
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1), st.booleans())
def test_the_front_is_what_nothing_dominates(pairs, lower):
    costs, values = np.array(pairs, float).T
    front = pareto_front(costs, values, lower)

    def at_least_as_good(one, other):
        return costs[one] <= costs[other] and (values[one] <= values[other] if lower else values[one] >= values[other])

    runs = range(len(pairs))
    undominated = {
        (costs[k], values[k])
        for k in runs
        if not any(at_least_as_good(j, k) and not at_least_as_good(k, j) for j in runs)
    }
    assert [(costs[k], values[k]) for k in front] == sorted(undominated)


@pytest.mark.parametrize("count", [1, 40])
def test_a_panel_for_each_cost(count):
    picture = draw_cost(points(count), "val/cell_f1_50", False)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (3 * PANEL, 3)
    for panel in range(3):
        assert colour_pixels(picture[:, panel * PANEL : (panel + 1) * PANEL], COLOURS[0]) > 20
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_costs_that_nobody_knows_are_left_out():
    unknown = [point._replace(costs=point.costs | {"energy, Wh": None, "parameters": None}) for point in points(3)]
    assert draw_cost(unknown, "val/ap", False).shape[1] == PANEL
    for nothing in ([], [point._replace(costs={"energy, Wh": None}) for point in unknown]):
        with pytest.raises(ValueError, match="no run with a value and a cost"):
            draw_cost(nothing, "val/ap", False)
    with pytest.raises(ValueError, match="no run with a value and a cost"):
        draw_cost(points(1, value=float("nan")), "val/ap", False)


def test_points_lie_where_their_numbers_are():
    """The better run is higher up, the dearer one further to the right."""
    two = [Point("", 0.9, {"s": 1.0}, "a"), Point("", 0.5, {"s": 2.0}, "b")]
    picture = draw_cost(two, "val/ap", False, "backbone").astype(int)[60:]  # without the legend
    centres = []
    for colour in COLOURS[:2]:
        target = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
        centres.append(np.mean(np.nonzero(np.abs(picture - target).max(axis=2) < 12), axis=1))
    (up, left), (down, right) = centres
    assert down - up > 150 and right - left > 200


def test_unfinished_runs_are_hollow():
    full, hollow = (
        colour_pixels(draw_cost(points(1, finished=finished), "val/ap", False), COLOURS[0])
        for finished in (True, False)
    )
    assert 20 < hollow < 0.6 * full


def test_the_front_is_drawn_between_finished_runs(monkeypatch):
    monkeypatch.setattr(cost, "_FRONT", "#00ff00")
    run, dearer = Point("", 0.5, {"s": 1.0}), Point("", 0.9, {"s": 2.0})
    green = []
    for pair in ([run, dearer], [run, dearer._replace(finished=False)], [run, dearer._replace(value=0.4)]):
        picture = draw_cost(pair, "val/ap", False)[60:].astype(int)  # without the legend
        green.append(int((picture[..., 1] > picture[..., 0] + 40).sum()))
    assert green[0] > 400 and green[1:] == [0, 0]


@pytest.mark.parametrize(
    "values", [[1.0], [1.0, 1.0], [0.0, 5.0], [-1.0, 900.0], [1e-3, 1.0, 1e6], [1.0, float("inf")]]
)
def test_any_values_and_costs_are_drawn(values):
    for use in (lambda x: Point("a", x, {"s": 1.0}), lambda x: Point("a", 0.5, {"s": x})):
        assert draw_cost(list(map(use, values)), "val/mse", True).std() > 5


def test_names_that_matplotlib_would_trip_over():
    names = ["_hidden", "$math", "a$b$c", "\\frac{", "\ud800", "\u00e9t\u00e9", "{x}", "%", "a\nb", "\u7ec6\u80de"]
    drawn = [point._replace(label=name, group=name) for point, name in zip(points(10), names, strict=True)]
    assert draw_cost(drawn, "$val_{", False, "$key_{", "a note of $_{\nsecond line").std() > 5


def test_a_long_note_gets_room():
    short, long = (
        draw_cost([Point("a", 0.5, {"s": 1.0})], "val/ap", False, note=text).shape[0] for text in ("one", "word " * 200)
    )
    assert long > short + 40


@pytest.mark.parametrize("count", [2, 12, 60])
def test_labels_lie_on_nothing(count):
    figure = Figure((4, 3), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = np.random.default_rng(count).uniform(0, 1, (count, 2))
    axes.scatter(*places.T)
    canvas.draw()
    written = place_labels(axes, places.tolist(), [f"run {k}" for k in range(count)])
    boxes = [text.get_window_extent() for text in axes.texts]
    assert [text.get_text() for text in axes.texts] == written and "run 0" in written
    assert len(written) == count if count == 2 else 5 < len(written) <= count
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert not any(box.contains(x, y) for x, y in axes.transData.transform(places))


def test_a_long_legend_gets_room():
    names = [f"{k} a long name of a group" for k in range(8)]
    many = [Point("a", 0.5, {"s": 1.0}, name) for name in names]
    assert draw_cost(many, "val/ap", False, "key").shape[0] > draw_cost(many[:1], "val/ap", False, "key").shape[0] + 60
    assert draw_cost(many, "val/ap", False, "key").shape[1] == PANEL
