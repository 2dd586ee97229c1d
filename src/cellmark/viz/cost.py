"""How good runs are against what they cost, as small diagrams on one picture."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from cellmark.viz.curves import COLOURS
from cellmark.viz.drawing import any_letters, entry, plain
from cellmark.viz.labels import place_labels

PANEL_INCHES, DPI = (5.4, 4.4), 100
LOG_SPAN = 20.0  # largest value / smallest above which a scale is logarithmic
MARKERS = "osD^vP*X"
_FRONT = "#999999"
_LINE, _LETTERS = 0.155, 0.075  # inches: height of a line of the note, width of one of its letters
_ROW, _HANDLE = 0.21, 0.7  # inches: height of a row of the legend, width of a marker in it with what is around


class Point(NamedTuple):
    """A run on the picture.

    Attributes:
        label: written beside it.
        value: how good it is.
        costs: what it took, by the name of the cost; None where nobody knows.
        group: runs of a group have one colour and one marker.
        finished: or hollow.
    """

    label: str
    value: float
    costs: Mapping[str, float | None]
    group: str = ""
    finished: bool = True


def draw_cost(
    points: Sequence[Point], metric: str, lower_is_better: bool, legend: str = "", note: str = ""
) -> np.ndarray:
    """Draws a panel for each cost that is known of any run.

    The grey line is the Pareto front of the finished runs: the best value that can be had for a cost.

    Args:
        points: the runs.
        metric: name of the values.
        lower_is_better: which way the values get better.
        legend: what the groups are.
        note: lines below the panels.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        ValueError: nothing to draw: no run, or no cost that is known.
    """
    names = dict.fromkeys(name for point in points for name in point.costs)
    drawn = {cost: known for cost in names if (known := _known(points, cost))}
    if not drawn:
        raise ValueError("no run with a value and a cost to draw")
    groups = list(dict.fromkeys(point.group for point in points))
    figure = _frame(len(drawn), _handles(points, groups if legend else []), legend, note)
    canvas: Any = FigureCanvasAgg(figure)  # without pyplot, see curves.py
    panels: Any = figure.subplots(1, len(drawn), sharey=True, squeeze=False)
    for axes, (cost, known) in zip(panels[0], drawn.items(), strict=True):
        _draw_panel(axes, known, cost, groups, lower_is_better)
    direction = "lower" if lower_is_better else "higher"
    panels[0][0].set_ylabel(f"{plain(metric)} ({direction} is better)", fontsize=10, parse_math=False)
    with any_letters():
        layout: Any = figure.get_layout_engine()
        layout.execute(figure)  # labels are placed where nothing moves any more
        figure.set_layout_engine("none")
        for axes, known in zip(panels[0], drawn.values(), strict=True):
            place_labels(axes, [(x, point.value) for point, x in known], [plain(point.label) for point, _ in known])
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def pareto_front(costs: np.ndarray, values: np.ndarray, lower_is_better: bool) -> np.ndarray:
    """Which runs are better than all that cost as much or less, from the cheapest to the dearest.

    Of runs with the same cost and the same value the first one counts.

    Args:
        costs: float (N,).
        values: float (N,).
        lower_is_better: which way values get better.

    Returns:
        int (K,) indices.
    """
    signed = values if lower_is_better else -values
    order = np.lexsort((signed, costs))  # by cost, then the better first
    best = np.concatenate([[np.inf], np.minimum.accumulate(signed[order])[:-1]])
    front: np.ndarray = order[signed[order] < best]
    return front


def _known(points: Sequence[Point], cost: str) -> list[tuple[Point, float]]:
    """Points with a finite value and cost, and this cost."""
    pairs = [(point, point.costs.get(cost)) for point in points if math.isfinite(point.value)]
    return [(point, x) for point, x in pairs if x is not None and math.isfinite(x)]


def _draw_panel(
    axes: Axes, known: Sequence[tuple[Point, float]], cost: str, groups: Sequence[str], lower_is_better: bool
) -> None:
    x, y = np.array([x for _, x in known]), np.array([point.value for point, _ in known])
    axes.set_xlabel(plain(cost), fontsize=10, parse_math=False)
    axes.tick_params(labelsize=8.5, labelleft=True)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.margins(0.12, 0.12)
    done = np.array([point.finished for point, _ in known])
    front = pareto_front(x[done], y[done], lower_is_better)
    if len(front) > 1:
        axes.plot(x[done][front], y[done][front], drawstyle="steps-post", color=_FRONT, linewidth=1, zorder=2)
    for point, left in known:
        axes.plot(left, point.value, zorder=3, **_style(groups.index(point.group), point.finished))
    _scale(axes, "x", x)
    if lower_is_better:
        _scale(axes, "y", y)


def _scale(axes: Axes, side: str, values: np.ndarray) -> None:
    """Logarithmic where values span much, with numbers as people write them."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    if not (values.min() > 0 and values.max() > LOG_SPAN * values.min()):
        axis.set_major_locator(MaxNLocator(6))
        return
    axes.set_xscale("log") if side == "x" else axes.set_yscale("log")
    decades = math.log10(values.max() / values.min())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def _style(group: int, finished: bool) -> dict[str, Any]:
    colour = COLOURS[group % len(COLOURS)]
    filled = colour if finished else "white"
    return {
        "marker": MARKERS[group % len(MARKERS)],
        "color": colour,
        "markerfacecolor": filled,
        "markersize": 7,
        "linestyle": "",
    }


def _handles(points: Sequence[Point], groups: Sequence[str]) -> list[Line2D]:
    """What the legend explains: the groups, what hollow means, and the front, each where there is such a thing."""
    handles = [Line2D([], [], **_style(number, True), label=entry(name)) for number, name in enumerate(groups)]
    if not all(point.finished for point in points):
        handles.append(Line2D([], [], **(_style(0, False) | {"color": "#555555"}), label="not finished"))
    if sum(point.finished for point in points) > 1:
        handles.append(Line2D([], [], color=_FRONT, linewidth=1, label="best for its cost"))
    return handles


def _frame(panels: int, handles: list[Line2D], title: str, note: str) -> Figure:
    """A figure with the legend above and the note below the room for its panels."""
    width = panels * PANEL_INCHES[0]
    lines = [own for line in note.splitlines() for own in textwrap.wrap(plain(line), int(width / _LETTERS))]
    letters = max((len(str(handle.get_label())) for handle in handles), default=0)
    across = max(1, min(len(handles), int(width / (_LETTERS * letters + _HANDLE))))
    foot, head = _LINE * (len(lines) + 0.5), _ROW * (-(-len(handles) // across) + bool(title)) + 0.08
    height = PANEL_INCHES[1] + foot + head
    figure = Figure((width, height), dpi=DPI, layout="constrained")
    layout: Any = figure.get_layout_engine()
    layout.set(w_pad=0.1, rect=(0, foot / height, 1, 1 - (foot + head) / height))
    legend = figure.legend(handles=handles, loc="upper left", alignment="left", ncols=across, fontsize=9, frameon=False)
    if title:
        legend.set_title(plain(title))
    for text in [*legend.get_texts(), legend.get_title()]:
        text.set_parse_math(False)
    below = "\n".join(lines)
    figure.text(0.12 / width, foot / height, below, fontsize=8.5, va="top", linespacing=1.25, parse_math=False)
    return figure
