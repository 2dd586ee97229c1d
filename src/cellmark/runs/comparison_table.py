"""A comparison as a table: for the terminal, as Markdown, as CSV."""

import csv
import io
import re
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from cellmark.data.json_entries import printable
from cellmark.data.problem_entries import well_formed
from cellmark.runs.columns import COUNT, KG, KWH, SECONDS, Numbers, Units, number_texts, scaled, titled
from cellmark.runs.comparison import Comparison
from cellmark.runs.derived import value_at
from cellmark.runs.markdown import markdown_table, markdown_text
from cellmark.runs.record import Run
from cellmark.runs.value_text import exact, short

METRIC_DIGITS, COST_DIGITS, COST_EXTRA = 4, 3, 2
COSTS = ("parameters", "seconds", "kwh", "kg_co2")


@dataclass(frozen=True)
class Column:
    """A column as text.

    Attributes:
        title: its head.
        cells: one for each run.
        numbers: whether the cells are numbers, which stand on the right.
    """

    title: str
    cells: list[str]
    numbers: bool = False


def columns(comparison: Comparison) -> list[Column]:
    """The table for people; a column of numbers has one unit."""
    runs = comparison.runs
    rows = Column("#", [str(row + 1) for row in range(len(runs))], numbers=True)
    differing = [Column(name, list(map(short, values))) for name, values in comparison.differences.items()]
    metrics = [_metric(comparison, name) for name in comparison.metrics]
    costs = [
        _cost("parameters", [run.parameters for run in runs], COUNT),
        _cost("time", [run.seconds for run in runs], SECONDS),
        _cost("energy", [run.kwh for run in runs], KWH),
        _cost("CO2", [run.kg_co2 for run in runs], KG),
    ]
    named = [rows, Column("run", list(comparison.names)), Column("state", [run.state for run in runs])]
    return [*named, *differing, *metrics, Column("epochs", list(map(_epochs, runs)), numbers=True), *costs]


def reasons(comparison: Comparison) -> list[str]:
    """Why runs failed, a line each."""
    named = enumerate(zip(comparison.names, comparison.runs, strict=True), start=1)
    return [f"run {name} (row {row}) failed: {run.reason}" for row, (name, run) in named if run.state == "failed"]


def rich_tables(comparison: Comparison, width: int | None = None) -> list[Table]:
    """The table for the terminal, in several parts where it is too wide; each names the runs.

    Args:
        comparison: what is told.
        width: of the terminal; None is as wide as it takes.
    """
    rows, names, *others = columns(comparison)
    parts: list[list[Column]] = [[]]
    for column in others:
        taken = 1 + sum(map(_width, [rows, names, *parts[-1], column]))
        if width is not None and parts[-1] and taken > width:
            parts.append([])
        parts[-1].append(column)
    return [_rich_table([rows, names, *part], folded=width is not None) for part in parts]


def _rich_table(parts: list[Column], folded: bool) -> Table:
    """A table of which nothing is cut off."""
    table = Table()
    for column in parts:
        head = "\n".join(_head(column)) if folded else printable(column.title)
        table.add_column(Text(head), justify="right" if column.numbers else "left", overflow="fold")
    for row in zip(*(column.cells for column in parts), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _head(column: Column) -> list[str]:
    """The title in lines that end where a reader would break it."""
    return re.findall(r"[^/., ]+(?:[/.,]+ ?)?", printable(column.title)) or [""]


def _width(column: Column) -> int:
    """Letters that a column takes on a terminal, with what is between columns."""
    return 3 + max(cell_len(line) for line in [*_head(column), *map(printable, column.cells)])


def markdown(comparison: Comparison) -> str:
    """The table, and the reasons of failures below it."""
    parts = columns(comparison)
    cells = [[column.title, *column.cells] for column in parts]
    head, *rows = [list(map(markdown_text, row)) for row in zip(*cells, strict=True)]
    left = [place for place, column in enumerate(parts) if not column.numbers]
    told = [f"- {markdown_text(reason)}" for reason in reasons(comparison)]
    return "\n".join([markdown_table(head, rows, left), *(["", *told] if told else []), ""])


def csv_text(comparison: Comparison) -> str:
    """Everything that is known, a row a run: every metric, full precision, values of the config as YAML."""
    metrics = sorted({name for run in comparison.runs for name in run.metrics})
    ordered = [*comparison.metrics, *(name for name in metrics if name not in comparison.metrics)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    fixed = ["run", "folder", "state", "error", "epochs", *COSTS]
    table.writerow(map(well_formed, [*fixed, *comparison.differences, *ordered]))
    for place, run in enumerate(comparison.runs):
        own = [comparison.names[place], str(run.folder), run.state, run.error or "", run.epochs]
        own += [getattr(run, cost) for cost in COSTS]
        own += [exact(values[place]) for values in comparison.differences.values()]
        own += [run.metrics.get(name) for name in ordered]
        table.writerow([well_formed(cell) if isinstance(cell, str) else cell for cell in own])
    return text.getvalue()


def _metric(comparison: Comparison, name: str) -> Column:
    """A metric that was looked for in vain is n/a; one that a run has not, a dash."""
    texts = number_texts(comparison.values(name), METRIC_DIGITS)
    vain = [name in run.metrics and run.metrics[name] is None for run in comparison.runs]
    return Column(name, ["n/a" if none else text for none, text in zip(vain, texts, strict=True)], numbers=True)


def _cost(title: str, values: Numbers, units: Units) -> Column:
    unit, numbers = scaled(values, units)
    return Column(titled(title, unit), number_texts(numbers, COST_DIGITS, COST_EXTRA), numbers=True)


def _epochs(run: Run) -> str:
    """Epochs that were trained; of an unfinished run with those it was to have, unless it was prolonged."""
    planned = value_at(run.config, ("trainer", "max_epochs"))
    if run.state == "finished" or type(planned) is not int or planned < run.epochs:
        return str(run.epochs)
    return f"{run.epochs} of {planned}"
