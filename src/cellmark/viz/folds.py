"""How the folds of a cross-validation compare: a small diagram for each metric, a row in it for each fold."""

import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cellmark.viz.drawing import any_letters, plain

COLUMNS, PANEL_WIDTH, DPI = 4, 2.9, 100
HEAD, LINE, LETTER, RIM = 0.85, 0.15, 0.072, 0.7  # inches: of a panel's title and axis, a line, a letter, head and foot
LONGEST, MOST_LINES = 28, 3  # letters in a line of a name, lines of a name
WIDEST = 46  # letters of a title
DOT, WORST, MEAN, BAR, FAINT = "#2457c5", "#c0392b", "#444444", "#8a98ab", "#dddddd"
LEGEND = "Red diamond: worst fold. Line and band: mean, and one standard deviation (n - 1) to either side."


class FoldPanel(NamedTuple):
    """One diagram.

    Attributes:
        title: its name.
        note: a line below it.
        values: one for each fold; None where there is none.
        mean: where the line is; None for no line.
        std: half the width of the band around it; None for no band.
        worst: index of the fold that is marked; None for no mark.
        bars: whether values are bars from zero, as costs are, and not dots on a scale of their own.
    """

    title: str
    note: str
    values: Sequence[float | None]
    mean: float | None = None
    std: float | None = None
    worst: int | None = None
    bars: bool = False


def draw_folds(names: Sequence[str], panels: Sequence[FoldPanel], title: str = "") -> np.ndarray:
    """Draws the panels, four in a row, with the names of the folds at the left of each row.

    Args:
        names: of the folds, top to bottom; long ones are broken into lines.
        panels: diagrams, each with a value or None for every fold.
        title: a line above them.

    Returns:
        uint8 (H, W, 3) RGB.

    Raises:
        ValueError: no fold, no panel, or a panel with another number of values than there are folds.
    """
    if not names or not panels or any(len(panel.values) != len(names) for panel in panels):
        raise ValueError(f"cannot draw {[len(panel.values) for panel in panels]} values of {len(names)} folds")
    labels = [_broken(name) for name in names]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(_inches(labels, columns, rows), dpi=DPI, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # without pyplot, see curves.py
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, place + 1)
        _style(axes, panel, len(labels))
        axes.set_yticks(range(len(labels)), labels if place % columns == 0 else [""] * len(labels), fontsize=8)
        for text in axes.get_yticklabels():
            text.set_parse_math(False)
        (_draw_bars if panel.bars else _draw_dots)(axes, panel)
    figure.suptitle(_broken(title, 30 * columns), parse_math=False, fontsize=11)
    if any(panel.worst is not None for panel in panels):
        figure.supxlabel(textwrap.fill(LEGEND, 30 * columns), fontsize=9)
    with any_letters():
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _inches(labels: Sequence[str], columns: int, rows: int) -> tuple[float, float]:
    """Room for every line of every name, however many folds there are."""
    lines = max(label.count("\n") + 1 for label in labels)
    letters = max(len(line) for label in labels for line in label.split("\n"))
    fold = LINE * lines + 0.08
    return columns * PANEL_WIDTH + LETTER * letters, rows * (HEAD + fold * max(2, len(labels))) + RIM


def _style(axes: Axes, panel: FoldPanel, folds: int) -> None:
    heading = "\n".join(_short(plain(text), WIDEST) for text in (panel.title, panel.note))
    axes.set_title(heading, fontsize=9, loc="left", parse_math=False)
    axes.set_ylim(folds - 0.4, -0.6)  # the first fold on top
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if all(value is None for value in panel.values):
        axes.set_xticks([])
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=BAR, fontsize=9)


def _draw_dots(axes: Axes, panel: FoldPanel) -> None:
    dots = {place: value for place, value in enumerate(panel.values) if value is not None}
    shown = [*dots.values()]
    if panel.mean is not None:
        axes.axvline(panel.mean, color=MEAN, linewidth=1.2)
        if panel.std is not None:
            axes.axvspan(panel.mean - panel.std, panel.mean + panel.std, color=DOT, alpha=0.12, linewidth=0)
            shown += [panel.mean - panel.std, panel.mean + panel.std]
    for place, value in dots.items():
        marker, colour = ("D", WORST) if place == panel.worst else ("o", DOT)
        axes.plot([value], [place], marker, color=colour, markersize=6)
    if shown:
        axes.set_xlim(*_limits(shown))
        axes.ticklabel_format(axis="x", useOffset=False, style="sci", scilimits=(-4, 5))
        axes.xaxis.get_offset_text().set_fontsize(8)


def _draw_bars(axes: Axes, panel: FoldPanel) -> None:
    widths = [0.0 if value is None else value for value in panel.values]
    axes.barh(range(len(widths)), widths, 0.6, color=BAR)
    axes.set_xlim(0, 1.05 * max(widths) or 1)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """A range with some room around the values, also where they are all the same."""
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or 0.05 * abs(low) or 0.5
    return low - room, high + room


def _broken(name: str, width: int = LONGEST) -> str:
    """A name in lines, broken after a word if that takes few lines; of a very long one the middle is left out."""
    name = _short(plain(name), width * MOST_LINES)
    lines = [""]
    for word in re.findall(r"[^ _./-]*[ _./-]+|[^ _./-]+", name):
        if len(lines[-1]) + len(word.rstrip()) <= width:
            lines[-1] += word
        else:
            lines.append(word)
    if len(lines) > MOST_LINES or any(len(line.rstrip()) > width for line in lines):
        lines = [name[start : start + width] for start in range(0, len(name), width)]
    return "\n".join(lines)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - most // 2 - 1]}\u2026{text[-(most // 2) :]}"
