"""What is said of folds in words, and as a table in the terminal."""

import math

from rich.table import Table
from rich.text import Text

from cellmark.data.json_entries import printable
from cellmark.runs.columns import KG, KWH, SECONDS, Units, number_texts, scaled
from cellmark.runs.folds import COSTS, NOT_STARTED, Cost, Folds, finished, is_plain, spent, spreads
from cellmark.runs.record import Run

COST_DIGITS = 3
UNITS: dict[Cost, Units] = {"seconds": SECONDS, "kwh": KWH, "kg_co2": KG}


def fold_table(folds: Folds) -> Table:
    """Each plain metric with its mean, standard deviation and worst fold; below it what is missing, and the cost."""
    table = Table(title=progress_of(folds), title_justify="left", caption_justify="left")
    table.add_column("metric", overflow="fold")
    for heading in ("mean", "std", "folds", "worst"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("in fold", overflow="fold")
    for name, one in spreads(folds).items():
        if is_plain(name):
            worst = (shown(None), "") if one.worst is None else (shown(one.values[one.worst]), one.worst)
            cells = (name, shown(one.mean), shown(one.std), str(len(one.values)), *worst)
            table.add_row(*(Text(printable(cell)) for cell in cells))
    gaps = [f"{name}: {reason}" for name, reason in missing(folds).items()]
    table.caption = Text("\n".join(printable(line) for line in (*gaps, cost_of(folds))))
    return table


def progress_of(folds: Folds) -> str:
    """How many folds have finished."""
    return f"Cross-validation: {len(finished(folds))} of {len(folds)} folds finished"


def missing(folds: Folds) -> dict[str, str]:
    """Why each fold that has not finished has not."""
    runs = finished(folds)
    return {name: _reason(run) for name, run in folds.items() if name not in runs}


def cost_of(folds: Folds) -> str:
    """Time, energy and emissions in all."""
    return f"In all: {', '.join(total_of(folds, cost) for cost in COSTS)}."


def total_of(folds: Folds, cost: Cost) -> str:
    """One cost of all folds, finished or not; says so where it is not known of all that were started."""
    values, runs = spent(folds, cost), [run for run in folds.values() if run is not None]
    if not values:
        return {"seconds": "time", "kwh": "energy", "kg_co2": "emissions"}[cost] + " not measured"
    total = math.fsum(values.values())
    unit, numbers = scaled([total], UNITS[cost])
    number = f"{number_texts(numbers, COST_DIGITS)[0]} {unit}"
    text = {"seconds": duration(total), "kwh": number, "kg_co2": f"{number} CO2"}[cost]
    return text if len(values) == len(runs) else f"{text} ({len(values)} of {len(runs)} folds)"


def shown(value: float | None) -> str:
    """A number for people: four decimals, or three or more significant digits where these would say too little."""
    if value is None:
        return ""
    size = abs(value)
    return f"{value:.4f}" if value == 0 or 0.01 <= size < 1000 else f"{value:#.3g}" if size < 1 else f"{value:.6g}"


def duration(seconds: float) -> str:
    """``59.2 s``, ``12 min 5 s``, ``3 h 20 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def _reason(run: Run | None) -> str:
    if run is None:
        return NOT_STARTED
    epochs = f"{run.epochs} epoch{'' if run.epochs == 1 else 's'}"
    if run.state == "failed":
        return f"failed after {epochs}: {run.reason}"
    return f"running, {epochs} so far" if run.state == "running" else f"stopped after {epochs}"
