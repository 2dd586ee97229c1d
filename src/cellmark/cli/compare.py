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


def run(*, input: str | Sequence[str], metric: str, columns: Sequence[str] | None, output_dir: str) -> None:
    """Runs the verb with the keys of ``conf/compare.yaml``."""
    folders = [Path(input)] if isinstance(input, str) else [Path(str(folder)) for folder in input]
    if not folders:
        raise CellmarkError("input=[]: at least one folder is needed")
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
