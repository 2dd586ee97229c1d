"""The figure of a comparison: accuracy against time, energy and parameters."""

import math

import numpy as np

from cellmark.metrics.direction import lower_is_better
from cellmark.runs.columns import COUNT, KWH, SECONDS, Numbers, Units, scaled, titled
from cellmark.runs.comparison import Comparison
from cellmark.runs.comparison_table import reasons
from cellmark.runs.value_text import short
from cellmark.viz.cost import Point, draw_cost

MOST_NAMED, LONGEST = 12, 28  # runs up to which each is called by its name, and letters of such a name
MOST_TOLD = 6  # runs without a value that the note names


def comparison_figure(comparison: Comparison) -> np.ndarray | None:
    """Draws the runs that have the metric; None if there is none, or none of which a cost is known."""
    costs = {
        **_scaled("training time", [run.seconds for run in comparison.runs], SECONDS),
        **_scaled("energy", [run.kwh for run in comparison.runs], KWH),
        **_scaled("parameters", [run.parameters for run in comparison.runs], COUNT),
    }
    difference = comparison.main_difference()
    named = len(comparison.runs) <= MOST_NAMED and max(map(len, comparison.names)) <= LONGEST
    points = []
    for place, value in enumerate(comparison.values(comparison.metric)):
        if value is not None and math.isfinite(value):
            label = comparison.names[place] if named else str(place + 1)
            group = "" if difference is None else short(comparison.differences[difference][place], LONGEST)
            own = {cost: values[place] for cost, values in costs.items()}
            points.append(Point(label, value, own, group, comparison.runs[place].state == "finished"))
    if not any(cost is not None for point in points for cost in point.costs.values()):
        return None
    note = "Beside the points: names of runs." if named else "Beside the points: rows of the table."
    note = "\n".join([note, *_not_drawn(comparison)])
    return draw_cost(points, comparison.metric, lower_is_better(comparison.metric), difference or "", note)


def _scaled(name: str, values: Numbers, units: Units) -> dict[str, list[float | None]]:
    unit, numbers = scaled(values, units)
    return {titled(name, unit): numbers}


def _not_drawn(comparison: Comparison) -> list[str]:
    """Lines on the runs that failed, and on the others without a value."""
    values = comparison.values(comparison.metric)
    runs = zip(comparison.names, comparison.runs, values, strict=True)
    waiting = [f"run {name} ({run.state})" for name, run, value in runs if value is None and run.state != "failed"]
    lines = _first(reasons(comparison))
    return [*lines, f"without {comparison.metric}: {', '.join(_first(waiting))}"] if waiting else lines


def _first(items: list[str]) -> list[str]:
    rest = len(items) - MOST_TOLD
    return [*items[:MOST_TOLD], f"and {rest} more"] if rest > 0 else items
