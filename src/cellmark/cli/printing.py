"""What verbs print: lines and tables of which nothing is cut off."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from cellmark.data.json_entries import printable
from cellmark.data.problem_entries import shown_file
from cellmark.data.records import Problem


def problem_table(root: Path, problems: Sequence[Problem], title: str = "Problems") -> Table:
    """One row per problem, files named from ``root``; long cells are folded, never cut."""
    table = Table("file", "record", "reason", title=title, title_justify="left")
    for column in table.columns:
        column.overflow = "fold"
    for problem in problems:
        file = str(root) if problem.file == root else shown_file(root, problem.file)
        table.add_row(*(Text(printable(cell)) for cell in (file, problem.record, problem.reason)))
    return table


def print_wide(content: Table | Text) -> None:
    """Prints to the terminal's width; into a pipe or a file as wide as it is, a row a line."""
    console = Console(highlight=False)
    if not console.is_terminal:
        wide = Console(width=1_000_000)
        console = Console(highlight=False, width=max(80, Measurement.get(wide, wide.options, content).maximum))
    console.print(content)


def print_line(text: str) -> None:
    """Prints a line as it is, but for what no terminal can print."""
    Console(soft_wrap=True, highlight=False, markup=False).print(printable(text))


def counted(number: int, noun: str) -> str:
    """A number with its noun: no problems, 1 problem, 2 problems."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
