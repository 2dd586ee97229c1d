"""What a run says at its end: a table for people, ``summary.json`` for programs."""

import math
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

import cellmark
from cellmark.cli.printing import print_line, print_wide

LIBRARIES = ("torch", "torchvision", "lightning", "hydra-core", "timm", "albumentations")


def summary(metrics: Mapping[str, float], counts: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The content of ``summary.json``.

    Args:
        metrics: by name; what could not be measured (NaN) becomes null.
        counts: of images, parameters, whatever the run counts.
        seconds: wall-clock time of the whole run.
    """
    return {
        "metrics": {key: value if math.isfinite(value) else None for key, value in sorted(metrics.items())},
        "counts": dict(counts),
        "seconds": round(seconds, 2),
        "git_revision": git_revision(),
        "versions": {
            "cellmark": cellmark.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
    }


def git_revision() -> str | None:
    """Commit of the checkout that the code runs from, with ``-dirty`` where it was changed; else None."""
    folder = Path(cellmark.__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):  # no git here: an installed package
        return None
    return answer.stdout.strip() or None


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
