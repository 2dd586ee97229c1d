"""Runs side by side: in which order, with which of their differences and metrics."""

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cellmark.errors import CellmarkError
from cellmark.metrics.direction import lower_is_better
from cellmark.runs.differences import Columns, differences
from cellmark.runs.equality import alike
from cellmark.runs.record import Run

USUAL = ("mse", "cell_f1_50", "cell_f1_25", "ap", "pck")  # metrics that become columns when nobody asks for others
MOST_GROUPS = 8  # values of a difference that colours can still tell apart
_LAST = {"finished": 0, "running": 1, "stopped": 2, "failed": 3}  # order of runs without the metric


@dataclass(frozen=True)
class Comparison:
    """Runs in order, the best first, and what is told of them.

    Attributes:
        runs: those that never measured the metric come last.
        names: of the runs, as short as they can be.
        metric: by which they are sorted.
        metrics: those that are columns of the table, the first one the metric of the order.
        differences: what differs between the runs, by name, with a value for each run.
    """

    runs: tuple[Run, ...]
    names: tuple[str, ...]
    metric: str
    metrics: tuple[str, ...]
    differences: Columns

    def values(self, metric: str) -> list[float | None]:
        """A metric of each run; None where it was not measured, or could not be."""
        return [run.metrics.get(metric) for run in self.runs]

    def main_difference(self) -> str | None:
        """The first difference that makes groups of runs, which colours can show; None if none does."""
        sizes = {name: len(alike(range(len(self.runs)), values)) for name, values in self.differences.items()}
        few = [name for name, size in sizes.items() if size <= MOST_GROUPS and name not in ("name", "seed")]
        grouping = [name for name in few if sizes[name] < len(self.runs)]
        return next(iter(grouping or few), None)


def compare(runs: Sequence[Run], metric: str, metrics: Sequence[str] | None = None) -> Comparison:
    """Puts runs side by side.

    Args:
        runs: at least one.
        metric: sorts them, as in ``val/cell_f1_50``; errors and losses from the smallest up, others from the largest
            down.
        metrics: further metrics that become columns; None is the usual few.

    Raises:
        CellmarkError: runs have been measured, but none of them by one of these metrics.
    """
    known = sorted({name for run in runs for name in run.metrics}, key=_natural)
    overall = [name for name in known if name.count("/") < 2]  # folders and classes would make the list too long
    for name in (metric, *(metrics or ())):
        if known and name not in known:
            raise CellmarkError(f"no run has the metric {name}; there are {', '.join(overall)}")
    if metrics is None:
        metrics = [f"{split}/{name}" for split in ("val", "test") for name in USUAL]
    called = dict(zip((run.folder for run in runs), run_names([run.folder for run in runs]), strict=True))
    ordered = sorted(runs, key=lambda run: (*_rank(run, metric), _natural(called[run.folder])))
    return Comparison(
        runs=tuple(ordered),
        names=tuple(called[run.folder] for run in ordered),
        metric=metric,
        metrics=tuple(dict.fromkeys([metric, *(name for name in metrics if name in known)])),
        differences=differences(ordered),
    )


def run_names(folders: Sequence[Path]) -> list[str]:
    """Paths from the folder that all have in common, so that no two are the same."""
    parent = Path(os.path.commonpath(folders))
    if parent in folders:
        parent = parent.parent
    return [str(folder.relative_to(parent)) for folder in folders]


def _rank(run: Run, metric: str) -> tuple[float, float]:
    value = run.metrics.get(metric)
    if value is None or not math.isfinite(value):
        return 1, _LAST[run.state]
    return 0, value if lower_is_better(metric) else -value


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts 2 before 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
