"""The folds of a cross-validation taken together: of each metric its mean, standard deviation and worst fold."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cellmark.metrics.direction import lower_is_better
from cellmark.runs.record import Run

Folds = Mapping[str, Run | None]  # the run of each fold by the fold's name, in order; None where there is none yet
Cost = Literal["seconds", "kwh", "kg_co2"]
COSTS: tuple[Cost, ...] = ("seconds", "kwh", "kg_co2")
NOT_STARTED = "not started"
_SPLITS = ("val", "test", "train")  # the order in which metrics are told


@dataclass(frozen=True)
class Spread:
    """A number over the folds that measured it.

    Attributes:
        values: the finite ones by fold, in the order of the folds.
        mean: None without a value.
        std: the sample standard deviation, with n - 1; None with fewer than two values.
        worst: the fold with the worst value; of equal ones the first. None without a value.
    """

    values: dict[str, float]
    mean: float | None
    std: float | None
    worst: str | None


def finished(folds: Folds) -> dict[str, Run]:
    """The folds whose training has finished: only these count."""
    return {name: run for name, run in folds.items() if run is not None and run.state == "finished"}


def state_of(run: Run | None) -> str:
    """The state of a fold in words."""
    return NOT_STARTED if run is None else run.state


def spreads(folds: Folds) -> dict[str, Spread]:
    """Every metric that a finished fold has, those of the validation first, then in alphabetical order."""
    runs = finished(folds)
    names = {name for run in runs.values() for name in run.metrics}
    return {name: _spread(name, runs) for name in sorted(names, key=_place)}


def is_plain(name: str) -> bool:
    """Whether a metric such as ``val/mse`` is over everything, not over one class or folder (``val/mse/black``)."""
    return name.count("/") < 2


def spent(folds: Folds, cost: Cost) -> dict[str, float]:
    """What each fold cost, finished or not; without those where nothing measured it."""
    costs = {name: getattr(run, cost) for name, run in folds.items() if run is not None}
    return {name: value for name, value in costs.items() if value is not None}


def _place(name: str) -> tuple[int, str]:
    split = name.partition("/")[0]
    return _SPLITS.index(split) if split in _SPLITS else len(_SPLITS), name


def _spread(name: str, runs: Mapping[str, Run]) -> Spread:
    values = {}
    for fold, run in runs.items():
        value = run.metrics.get(name)
        if value is not None and math.isfinite(value):
            values[fold] = value
    if not values:
        return Spread({}, None, None, None)
    # exact sums: `statistics` counts in fractions
    std = statistics.stdev(values.values()) if len(values) > 1 else None
    worst = (max if lower_is_better(name) else min)(values, key=values.__getitem__)
    return Spread(values, statistics.mean(values.values()), std, worst)
