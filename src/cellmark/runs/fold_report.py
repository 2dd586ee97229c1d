"""What a cross-validation writes beside its folds: a table, a summary for programs, a page and a picture for people."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from cellmark.data.problem_entries import well_formed
from cellmark.files import write_bytes, write_image, write_json
from cellmark.metrics.direction import lower_is_better
from cellmark.runs.columns import scaled
from cellmark.runs.fold_page import PICTURE, fold_page
from cellmark.runs.fold_text import UNITS, shown, total_of
from cellmark.runs.folds import COSTS, Cost, Folds, Spread, finished, is_plain, spent, spreads, state_of
from cellmark.runs.summary import summary
from cellmark.viz.folds import FoldPanel, draw_folds

COLUMNS = ("fold", "state", "epochs", *COSTS)  # of ``folds.csv``, before the metrics


def write_fold_report(folder: Path, folds: Folds) -> dict[str, Any]:
    """Writes ``folds.csv``, ``report.png``, ``report.md`` and ``summary.json``, whatever has finished so far.

    Only folds that have finished count in the metrics: another one is not trained to its end, or is still changing.
    Costs count whether or not a fold has finished, because they are spent.

    Args:
        folder: of the cross-validation.
        folds: the run of each fold by the fold's name, in order; None where there is none yet.

    Returns:
        The content of ``summary.json``.

    Raises:
        ValueError: there is no fold.
    """
    if not folds:
        raise ValueError("a cross-validation without folds")
    folds = {well_formed(name): run for name, run in folds.items()}  # as JSON, CSV and pictures can say it
    over = spreads(folds)
    content = _summary(folds, over)
    write_bytes(folder / "folds.csv", _table(folds, list(over)).encode())
    write_image(folder / PICTURE, draw_folds(_labels(folds), _panels(folds, over), "Cross-validation"))
    write_bytes(folder / "report.md", fold_page(folds, over).encode())
    write_json(folder / "summary.json", content)
    return content


def _summary(folds: Folds, over: dict[str, Spread]) -> dict[str, Any]:
    """See ``write_fold_report``; ``measured`` says over how many folds each mean and each total is."""
    runs, common = finished(folds), summary({}, _counts(folds), 0)
    costs = {cost: spent(folds, cost) for cost in COSTS}
    totals = {cost: math.fsum(values.values()) if values else None for cost, values in costs.items()}
    return {
        "metrics": {name: one.mean for name, one in over.items()},
        "std": {name: one.std for name, one in over.items()},
        "worst": {
            name: None if one.worst is None else {"fold": one.worst, "value": one.values[one.worst]}
            for name, one in over.items()
        },
        "measured": {name: len(one.values) for name, one in over.items()} | _measured(costs),
        "per_fold": {
            fold: {name: one.values.get(fold) for name, one in over.items() if name in run.metrics}
            for fold, run in runs.items()
        },
        "folds": list(folds),
        "missing": [name for name in folds if name not in runs],
        "counts": common["counts"],
        "fit_seconds": totals["seconds"],
        "kwh": totals["kwh"],
        "kg_co2": totals["kg_co2"],
        "git_revision": common["git_revision"],
        "versions": common["versions"],
    }


def _counts(folds: Folds) -> dict[str, int | None]:
    """Of folds; and the parameters of the network, if all folds have the same number of them."""
    runs = finished(folds)
    sizes = {run.parameters for run in runs.values()}
    parameters = sizes.pop() if len(sizes) == 1 else None
    return {"folds": len(folds), "finished": len(runs), "missing": len(folds) - len(runs), "parameters": parameters}


def _measured(costs: dict[Cost, dict[str, float]]) -> dict[str, int]:
    return {"fit_seconds" if cost == "seconds" else cost: len(values) for cost, values in costs.items()}


def _table(folds: Folds, metrics: list[str]) -> str:
    """A row for each fold, in full precision; metrics of those that have finished, empty where not measured."""
    text, runs = io.StringIO(), finished(folds)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *map(well_formed, metrics)])
    for name, run in folds.items():
        own = [None] * 4 if run is None else [run.epochs, *(getattr(run, cost) for cost in COSTS)]
        values = runs[name].metrics if name in runs else {}
        measured = [value if value is not None and math.isfinite(value) else None for value in map(values.get, metrics)]
        table.writerow([name, state_of(run), *own, *measured])
    return text.getvalue()


def _labels(folds: Folds) -> list[str]:
    runs = finished(folds)
    return [name if name in runs else f"{name} ({state_of(run)})" for name, run in folds.items()]


def _panels(folds: Folds, over: dict[str, Spread]) -> list[FoldPanel]:
    """Every plain metric that a fold measured, then what the folds cost."""
    names = list(folds)
    panels = []
    for metric, one in over.items():
        if one.mean is None or one.worst is None or not is_plain(metric):
            continue
        several = one.std is not None
        note = f"{shown(one.mean)} \u00b1 {shown(one.std)}" if several else shown(one.mean)
        note += ", lower is better" if lower_is_better(metric) else ""
        values = [one.values.get(name) for name in names]
        worst = names.index(one.worst) if one.std else None  # where all are the same none is worse
        panels.append(FoldPanel(metric, note, values, one.mean if several else None, one.std, worst))
    return [*panels, _cost_panel(folds, "seconds", "Time of training"), _cost_panel(folds, "kwh", "Energy")]


def _cost_panel(folds: Folds, cost: Cost, title: str) -> FoldPanel:
    values = spent(folds, cost)
    unit, bars = scaled([values.get(name) for name in folds], UNITS[cost])
    return FoldPanel(f"{title} ({unit})", f"{total_of(folds, cost)} in all" if values else "", bars, bars=True)
