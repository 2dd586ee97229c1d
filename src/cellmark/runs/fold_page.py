"""The report of a cross-validation as a page of Markdown."""

from collections.abc import Mapping, Sequence

from cellmark.metrics.direction import lower_is_better
from cellmark.runs.columns import number_texts, scaled, titled
from cellmark.runs.derived import value_at
from cellmark.runs.equality import MISSING
from cellmark.runs.fold_text import COST_DIGITS, UNITS, cost_of, missing, progress_of, shown
from cellmark.runs.folds import Cost, Folds, Spread, finished, is_plain, spent, state_of
from cellmark.runs.markdown import markdown_table, markdown_text
from cellmark.runs.record import Run

PICTURE = "report.png"
COLUMNS: dict[str, Cost] = {"time": "seconds", "energy": "kwh", "CO2": "kg_co2"}


def fold_page(folds: Folds, over: Mapping[str, Spread]) -> str:
    """The page: what was done, the metrics, what it cost, what is missing, the picture.

    Args:
        folds: the run of each fold by the fold's name.
        over: the metrics over the folds.
    """
    plain = {name: one for name, one in over.items() if is_plain(name)}
    parts = {name: one for name, one in over.items() if not is_plain(name)}
    sections = ["# Cross-validation", _done(folds)]
    if plain:
        sections += ["## Metrics", _metrics(folds, plain), _legend(folds)]
    if parts:
        sections += ["## Metrics of single classes and folders", _metrics(folds, parts)]
    sections += ["## Folds", _costs(folds), cost_of(folds)]
    if gaps := missing(folds):
        sections += ["## Missing", _missing(gaps)]
    sections += ["## Picture", f"![Every metric of every fold]({PICTURE})"]
    return "\n\n".join(sections) + "\n"


def _done(folds: Folds) -> str:
    """What was trained, as far as it is the same in all folds."""
    runs = [run for run in folds.values() if run is not None]
    shared = ", ".join(f"{key} {value}" for key, value in _shared(runs).items())
    settings = f", all with the same settings ({markdown_text(shared)})" if shared else ""
    monitors = {str(run.config["task"]["monitor"]) for run in runs if "task" in run.config}
    best = f", the best by `{monitors.pop()}`" if len(monitors) == 1 else ""
    return (
        f"{progress_of(folds)}. Each fold is a training of its own{settings}. Its metrics are those of its best "
        f"weights{best}: `val` on the folder that it held out, `test` on its test folder where it has one; `train` is "
        "that of its last epoch."
    )


def _shared(runs: Sequence[Run]) -> dict[str, str]:
    """Options of the config groups that matter to a reader, where all folds have the same."""
    groups = ("experiment", "backbone", "decoder", "loss", "augment", "optimizer", "scheduler", "mode")
    told = [{key: run.choices[key] for key in groups if key in run.choices} for run in runs]
    return {key: value for key, value in told[0].items() if all(one.get(key) == value for one in told)} if told else {}


def _metrics(folds: Folds, over: Mapping[str, Spread]) -> str:
    runs = finished(folds)
    head = ["metric", "better", "mean", "std", "folds", "worst fold", *map(markdown_text, runs)]
    return markdown_table(head, [_row(name, one, list(runs)) for name, one in over.items()], left=(0, 1, 5))


def _row(name: str, one: Spread, folds: Sequence[str]) -> list[str]:
    better = "lower" if lower_is_better(name) else "higher"
    worst = "" if one.worst is None else markdown_text(one.worst)
    values = {fold: shown(one.values.get(fold)) for fold in folds}
    if one.worst and one.std:  # where all are the same none is worse
        values[one.worst] = f"**{values[one.worst]}**"
    return [markdown_text(name), better, shown(one.mean), shown(one.std), str(len(one.values)), worst, *values.values()]


def _legend(folds: Folds) -> str:
    return (
        "*std*: the sample standard deviation over the folds, with n - 1; there is none with one fold. "
        f"*folds*: how many of the {len(finished(folds))} finished ones measured the metric; the others are left out "
        "of mean and std. The worst value is bold; of equal ones, the first."
    )


def _costs(folds: Folds) -> str:
    head, costs = [], []
    for title, cost in COLUMNS.items():
        unit, numbers = scaled([spent(folds, cost).get(name) for name in folds], UNITS[cost])
        head.append(titled(title, unit))
        costs.append(number_texts(numbers, COST_DIGITS))
    rows = []
    for (name, run), *own in zip(folds.items(), *costs, strict=True):
        folder = MISSING if run is None else value_at(run.config, ("data", "val_folder"))
        held_out = "" if folder is MISSING else str(folder)
        epochs = "" if run is None else str(run.epochs)
        rows.append([markdown_text(name), markdown_text(held_out), state_of(run), epochs, *own])
    return markdown_table(["fold", "held out", "state", "epochs", *head], rows, left=(0, 1, 2))


def _missing(gaps: Mapping[str, str]) -> str:
    rows = [[markdown_text(name), markdown_text(reason)] for name, reason in gaps.items()]
    hint = "The same command, started again, goes on with these folds and leaves the finished ones as they are."
    return f"{markdown_table(['fold', 'why'], rows, left=(0, 1))}\n\n{hint}"
