"""How the metrics of a run went, as small diagrams on one picture."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellmark.viz.drawing import any_letters, entry, plain

History = Mapping[str, Sequence[Sequence[float]]]  # name of a metric -> (epoch, value) pairs in order

COLUMNS, PANEL_INCHES, DPI = 4, (4.0, 3.2), 100
MOST_GROUPS = 8  # more folders and classes than this are a tangle: none of them is drawn
MOST_MARKED = 40  # epochs up to which every point is marked
LOG_SPAN = 20.0  # largest value / smallest above which a panel without a fixed range has a logarithmic scale
SHARE = (-0.02, 1.02)  # range of a panel that shows shares of 1
TRAIN_COLOUR, COLOURS = "#888888", ("#c0392b", "#2457c5", "#1e8449", "#d68910", "#7d3c98", "#117a8b")


class Panel(NamedTuple):
    """One diagram: its title, what its axis shows, the range of that (None: as the data), and its curves by name."""

    title: str
    unit: str
    limits: tuple[float, float | None] | None
    curves: Mapping[str, str]


PANELS = (
    Panel("Loss", "loss", None, {"train/loss": "training", "val/loss": "validation"}),
    Panel("Heatmap MSE", "squared error", None, {"train/mse": "training", "val/mse": "validation"}),
    Panel("Heatmap AP and PCK", "share", SHARE, {"val/ap": "AP", "val/pck": "PCK"}),
    Panel(
        "Cells (within 50 % or 25 % of the pitch)",
        "share",
        SHARE,
        {
            "val/cell_f1_50": "F1, 50 %",
            "val/cell_precision_50": "precision, 50 %",
            "val/cell_recall_50": "recall, 50 %",
            "val/cell_f1_25": "F1, 25 %",
        },
    ),
    Panel("Localisation error", "pixels of the input", (0, None), {"val/loc_error_px": "matched cells"}),
    Panel("Localisation error", "pitches", (0, None), {"val/loc_error_pitch": "matched cells"}),
)
GROUPED = "val/cell_f1_50"  # the metric that is also drawn for each folder and class
RATE = "lr"  # learning rates are ``lr``, or ``lr/0``, ``lr/1`` of several parameter groups


def draw_curves(history: History, title: str = "") -> np.ndarray:
    """Draws what is known of a run: losses, metrics and learning rate against the epoch.

    Panels without any data are left out. A value that is not finite leaves a gap.

    Args:
        history: (epoch, value) pairs of each metric; names as in ``metrics.csv``, ``lr`` for the learning rate.
        title: a line above the diagrams.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        ValueError: nothing to draw.
    """
    panels = [panel for panel in _panels(history) if any(history.get(key) for key in panel.curves)]
    if not panels:
        raise ValueError("no metric to draw")
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure((columns * PANEL_INCHES[0], rows * PANEL_INCHES[1]), dpi=DPI, layout="constrained")
    # Without pyplot: no global state, no window. Matplotlib's canvases have no types.
    canvas: Any = FigureCanvasAgg(figure)
    if title:
        figure.suptitle(plain(title), parse_math=False, fontsize=11)
    epochs = [epoch for panel in panels for key in panel.curves for epoch, _ in history.get(key, ())]
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, place)
        _draw_panel(axes, panel, history)
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
    with any_letters():
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _panels(history: History) -> list[Panel]:
    """The fixed panels, and those whose curves hang on the run: folders and classes, learning rates."""
    groups = {key: key.removeprefix(f"{GROUPED}/") for key in history if key.startswith(f"{GROUPED}/")}
    rates = {key: key for key in history if key == RATE or key.startswith(f"{RATE}/")}
    panels = [*PANELS]
    if len(groups) <= MOST_GROUPS:
        panels.append(Panel("Cell F1 (50 %) by class and folder", "share", SHARE, groups))
    return [*panels, Panel("Learning rate", "rate at the end of the epoch", None, rates)]


def _draw_panel(axes: Axes, panel: Panel, history: History) -> None:
    drawn = [key for key in panel.curves if history.get(key)]
    values = [value for key in drawn for _, value in history[key] if math.isfinite(value)]
    colours = iter(COLOURS * 2)
    for key in drawn:
        epochs, curve = np.array(history[key], float).T
        curve[~np.isfinite(curve)] = np.nan
        colour = TRAIN_COLOUR if key.startswith("train/") else next(colours)
        marker = "o" if len(epochs) <= MOST_MARKED else ""
        axes.plot(epochs, curve, color=colour, linewidth=1.4, marker=marker, markersize=2.5, label=key)
    axes.set_title(panel.title, fontsize=10)
    axes.set_ylabel(panel.unit, fontsize=9)
    axes.set_xlabel("epoch", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    if panel.limits:
        axes.set_ylim(*panel.limits)
    elif values and min(values) > 0 and max(values) > LOG_SPAN * min(values):
        axes.set_yscale("log")
    legend = axes.legend(axes.lines, [_label(panel.curves[key], history[key]) for key in drawn], fontsize=8)
    legend.get_frame().set_alpha(0.7)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _label(name: str, curve: Sequence[Sequence[float]]) -> str:
    """Name of a curve and its last value."""
    return f"{entry(name)}: {curve[-1][1]:.3g}"
