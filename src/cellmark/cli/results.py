"""The table of metrics that a run prints at its end."""

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from cellmark.cli.printing import print_line, print_wide


def print_metrics(metrics: Mapping[str, float], title: str) -> None:
    """Prints a table for each split: one row per metric, one column per folder or class."""
    print_line(title)
    for split in ("val", "test"):
        own = {key.removeprefix(f"{split}/"): value for key, value in metrics.items() if key.startswith(f"{split}/")}
        if own:
            print_wide(_table(split, own))


def _table(split: str, metrics: Mapping[str, float]) -> Table:
    columns = list(dict.fromkeys(name.partition("/")[2] for name in metrics))
    table = Table()
    table.add_column(Text(split))
    for column in columns:
        table.add_column(Text(column or "all"), justify="right")
    for row in dict.fromkeys(name.partition("/")[0] for name in metrics):
        values = [metrics.get(f"{row}/{column}" if column else row) for column in columns]
        table.add_row(row, *("" if value is None else f"{value:.4f}" for value in values))
    return table
