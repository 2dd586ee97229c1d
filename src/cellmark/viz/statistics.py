"""The statistics of a data set as small diagrams: a row for each folder, a column for each measure."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cellmark.data.findings import LEAST_PITCH
from cellmark.data.selection import evenly
from cellmark.data.statistics import Statistics
from cellmark.viz.overlay import CELL_COLOURS

WIDTH, ROW, RIM, DPI = 16.0, 1.0, 1.15, 100  # inches: of the figure, of a row, of head and foot; pixels per inch
BINS = 40
ROOMY = 0.58  # share of a class from which its bar has room for its text; on the right of a shorter one there is
LONGEST = 24  # letters of a folder's name
MOST_ROWS = 30  # folders that are drawn, each in about a tenth of a second
_TOP = 0.72  # share of a row's height that histograms take; their medians are written above
_MEDIAN = "#e0851a"
MOST = 99.5  # percentile of the pitch up to which the diagrams reach


class _Ink(NamedTuple):
    paper: str
    text: str
    faint: str
    fill: str


_LIGHT, _DARK = _Ink("#ffffff", "#1b2026", "#d9dde3", "#7f8c9d"), _Ink("#171b21", "#e7eaee", "#39414c", "#8c99aa")

Row = Callable[[Axes, Statistics], None]


def draw_statistics(folders: Sequence[Statistics], every: Statistics, *, dark: bool = False) -> np.ndarray:
    """Draws the classes, the pitch at the network's input, the contrast and the separability of every folder.

    The last row shows all folders together. Contrast and separability are left out where none was measured. Of more
    than `MOST_ROWS` folders some are drawn, evenly chosen, and the picture says so.

    Args:
        folders: their statistics, top to bottom.
        every: those of all folders together.
        dark: light ink on dark ground.

    Returns:
        uint8 (H, 1600, 3) RGB.
    """
    ink, rows = _DARK if dark else _LIGHT, [*evenly(folders, MOST_ROWS), every]
    columns = _columns(every, ink)
    figure = Figure((WIDTH, len(rows) * ROW + RIM), dpi=DPI, facecolor=ink.paper)
    canvas: Any = FigureCanvasAgg(figure)  # without pyplot, see curves.py
    height = figure.get_figheight()
    grid: Any = figure.subplots(len(rows), len(columns), squeeze=False)
    figure.subplots_adjust(0.15, 0.6 / height, 0.985, 1 - 0.55 / height, wspace=0.12, hspace=0.28)
    for line, one in zip(grid, rows, strict=True):
        for axes, (_, draw) in zip(line, columns.items(), strict=True):
            _style(axes, ink, numbered=one is every)
            draw(axes, one)
        name, weight = (one.name, "bold") if one is every else (_short(one.name), "normal")
        place = line[0].get_position()
        figure.text(0.14, (place.y0 + place.y1) / 2, name, ha="right", va="center", color=ink.text, fontsize=11,
                    weight=weight, parse_math=False)  # fmt: skip
    for axes, title in zip(grid[0], columns, strict=True):
        axes.set_title(title, fontsize=11, color=ink.text, pad=9, loc="left", parse_math=False)
    figure.text(0.15, 0.14 / height, _note(len(folders), every), va="center", color=ink.text, fontsize=9)
    with warnings.catch_warnings():  # names in letters that the font does not have are drawn as boxes
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _note(folders: int, every: Statistics) -> str:
    note = f"Orange: median. Dashed: {LEAST_PITCH:g} px, below which peaks may merge"
    note += "; no contrast." if len(every.contrast) else "."
    if folders > MOST_ROWS:
        note += f" {MOST_ROWS} of {folders} folders, evenly chosen, and all together; the others are not drawn."
    return note


def _columns(every: Statistics, ink: _Ink) -> dict[str, Row]:
    """What is drawn in each column, by title; all rows of a column have one scale."""
    columns: dict[str, Row] = {"labelled cells by class": lambda axes, one: _bars(axes, one, ink)}
    if len(every.input_pitch):
        edges = np.linspace(0, max(2 * LEAST_PITCH, float(np.percentile(every.input_pitch, MOST))), BINS + 1)
        columns["pitch at the network's input, px"] = lambda axes, one: _histogram(
            axes, one.input_pitch, edges, ink, LEAST_PITCH, "{:.1f}"
        )
    if len(every.contrast):
        reach = max(0.2, float(np.abs(every.contrast).max()))
        around = np.linspace(-reach, reach, BINS + 1)
        columns["contrast (negative: light on dark)"] = lambda axes, one: _histogram(
            axes, one.contrast, around, ink, 0.0, "{:+.2f}"
        )
        half = np.linspace(0.5, 1.0, BINS // 2 + 1)
        columns["separability of black and white cells"] = lambda axes, one: _histogram(
            axes, one.separability, half, ink, None, "{:.2f}"
        )
    return columns


def _bars(axes: Axes, one: Statistics, ink: _Ink) -> None:
    for index, (name, share) in enumerate(one.shares.items()):
        bar = tuple(value / 255 for value in CELL_COLOURS[index % len(CELL_COLOURS)])
        axes.barh(index, share or 0, 0.72, color=bar)
        text = f"{name} {one.cells[name]:,}" + ("" if share is None else f" ({100 * share:.0f} %)")
        place, colour = (0.012, "white") if (share or 0) > ROOMY else ((share or 0) + 0.012, ink.text)
        axes.text(place, index, _plain(text), va="center", fontsize=9, color=colour, parse_math=False)
    axes.set(ylim=(len(one.shares) - 0.5, -0.5), xlim=(0, 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))


def _histogram(axes: Axes, values: np.ndarray, edges: np.ndarray, ink: _Ink, limit: float | None, text: str) -> None:
    """Each folder's own share of values in each bin; what lies beyond the scale counts in its last bins."""
    margin = 0.012 * (edges[-1] - edges[0])  # so that a line at the end of the scale is seen
    axes.set(xlim=(edges[0] - margin, edges[-1] + margin), ylim=(0, 1.05 / _TOP))
    if not len(values):
        axes.text(
            0.5, 0.5, "not defined", transform=axes.transAxes, ha="center", va="center", color=ink.fill, fontsize=9
        )
        return
    if limit is not None:
        axes.axvline(limit, 0, _TOP, color=ink.text, linewidth=0.9, linestyle=(0, (2, 2)))
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    axes.stairs(counts / counts.max(), edges, fill=True, color=ink.fill)
    median = float(np.median(values))
    axes.axvline(np.clip(median, edges[0], edges[-1]), 0, _TOP, color=_MEDIAN, linewidth=1.8)
    label = f"median {text.format(median)}"
    axes.text(0.995, 0.98, label, transform=axes.transAxes, ha="right", va="top", fontsize=9, color=ink.text)


def _style(axes: Axes, ink: _Ink, numbered: bool) -> None:
    axes.set_facecolor(ink.paper)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.tick_params(colors=ink.text, labelsize=9, length=3, labelbottom=numbered)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(ink.faint)


def _short(name: str) -> str:
    name = _plain(name)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\u2026"


def _plain(text: str) -> str:
    """Names of folders may hold anything; Matplotlib cannot draw lone surrogates, and breaks lines."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
