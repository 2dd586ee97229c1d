"""Times the pieces that have a stated limit, each beside a straightforward implementation: ``make benchmark``.

Figures are medians of several runs on this machine; the gain is that over the baseline.
"""

import argparse
import importlib
import os

import torch
from rich.console import Console
from rich.table import Table

SUBJECTS = ("codec", "synthesis", "warps", "indexing", "losses", "metrics", "loading", "training", "lattice", "export")


def main() -> None:
    """Runs the benchmarks and prints one table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("subjects", nargs="*", default=SUBJECTS, metavar="subject", help=", ".join(SUBJECTS))
    table = Table(title=f"{os.cpu_count()} cores, torch {torch.__version__}", title_justify="left")
    for column in ("what", "ours", "limit", "baseline", "gain"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for subject in arguments.parse_args().subjects:
        for row in importlib.import_module(f"benchmarks.{subject}").rows():
            ours, baseline = f"{row.ours:.1f} {row.unit}", f"{row.baseline:.0f} {row.unit}"
            limit = f"{row.limit} {row.unit}" if row.limit else ""
            table.add_row(row.what, ours, limit, baseline, f"{row.gain():.1f}x")
    Console().print(table)


if __name__ == "__main__":
    main()
