"""``cellmark compare``: any runs side by side, as a table and as a figure of accuracy against cost."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cellmark.cli.printing import counted, print_line, print_wide
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, write_bytes, write_image
from cellmark.runs.comparison import compare
from cellmark.runs.comparison_figure import comparison_figure
from cellmark.runs.comparison_table import csv_text, markdown, reasons, rich_tables
from cellmark.runs.record import find_runs, read_run

MARKDOWN, CSV, FIGURE = "table.md", "table.csv", "comparison.png"


def run(
    *, input: str | Sequence[str] | None, metric: str | None, columns: Sequence[str] | None, output_dir: str
) -> None:
    """Runs the verb with the keys of ``conf/compare.yaml``."""
    folders = _folders(input)
    if metric is None:
        raise CellmarkError("metric=null: a metric that sorts the runs is needed, as in val/mse")
    if isinstance(columns, str):
        raise CellmarkError(f"columns={columns}: a list is needed, as in [{columns}]")
    target = Path(output_dir)
    with new_folder(target) as partial:
        comparison = compare([read_run(folder) for folder in find_runs(folders)], metric, columns)
        figure = comparison_figure(comparison)
        write_bytes(partial / MARKDOWN, markdown(comparison).encode())
        write_bytes(partial / CSV, csv_text(comparison).encode())
        if figure is not None:
            write_image(partial / FIGURE, figure)
    print_line(f"{counted(len(comparison.runs), 'run')}, by {metric}")
    console = Console()
    for table in rich_tables(comparison, console.width if console.is_terminal else None):
        print_wide(table)
    for reason in reasons(comparison):
        print_line(reason)
    print_line(f"table     {target / MARKDOWN}")
    print_line(f"all       {target / CSV}")
    print_line(
        f"figure    {target / FIGURE}" if figure is not None else f"no figure: no run has {metric} and a cost yet"
    )


def _folders(given: str | Sequence[str] | None) -> list[Path]:
    """The folders of ``input``; numbers are names, too."""
    if given is None:
        raise CellmarkError("input=null: a folder is needed")
    folders = [given] if isinstance(given, str | int) else list(given)
    if not folders or None in folders:
        raise CellmarkError(f"input={folders}: at least one folder is needed, and no empty one".replace("None", "null"))
    return [Path(str(folder)) for folder in folders]
