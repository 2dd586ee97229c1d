"""What is known of a run, read from its folder, whether it has finished, failed, was stopped or is still at work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cellmark.errors import CellmarkError
from cellmark.files import locked
from cellmark.runs.run_files import mapping, number, read_config, read_json, read_rows, read_yaml, value_in

CONFIG, SUMMARY, FAILURE, COUNTS = "config.yaml", "summary.json", "failure.json", "counts.json"
State = Literal["finished", "failed", "running", "stopped"]


@dataclass(frozen=True)
class Run:
    """A run, as far as it has come.

    Attributes:
        folder: where it lies.
        state: ``stopped`` is a run that nobody works on any more, and that neither finished nor failed: it was killed.
        config: the composed config.
        choices: the option of each config group, such as ``backbone: resnet18``; empty where Hydra did not compose it.
        metrics: by name; of a finished run those of its best weights, else those of its best validation so far. None
            is a value that could not be measured; the others are finite.
        epochs: whole epochs that were trained.
        parameters: numbers that the network learns; None before it was built.
        seconds: of training with its validations; None where nothing tells.
        kwh: electric energy; None where nothing measured it.
        kg_co2: emissions; None where nothing measured them.
        error: why it failed.
    """

    folder: Path
    state: State
    config: dict[str, Any]
    choices: dict[str, str]
    metrics: dict[str, float | None]
    epochs: int
    parameters: int | None
    seconds: float | None
    kwh: float | None
    kg_co2: float | None
    error: str | None

    @property
    def reason(self) -> str:
        """Why it failed, on one line."""
        return " ".join((self.error or "no reason was kept").split())


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """Every folder of a training among ``folders`` and below them, in order of their names, each once.

    Raises:
        CellmarkError: a folder is not there, or there is no training in it.
    """
    found: dict[Path, None] = {}
    for folder in folders:
        if not folder.is_dir():
            raise CellmarkError(f"{folder}: no such folder")
        own = [path for path in _below(folder) if is_run(path)]
        if not own:
            raise CellmarkError(f"{folder}: no run of cellmark train in it")
        found |= dict.fromkeys(path.resolve() for path in own)
    return list(found)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a training, be it one that failed before it began."""
    if (folder / CONFIG).is_file():
        return True
    hydra = folder / ".hydra/hydra.yaml"
    content = read_yaml(hydra) if hydra.is_file() else None
    for key in ("hydra", "job", "config_name"):  # of other programs it may hold anything
        content = content.get(key) if isinstance(content, Mapping) else None
    return content == "train"


def read_run(folder: Path) -> Run:
    """Reads a run's folder.

    Raises:
        CellmarkError: a file in it cannot be read, or is not that of a training.
    """
    config = read_config(_config_path(folder), folder)
    summary, failure = read_json(folder / SUMMARY), read_json(folder / FAILURE)
    epochs, metrics = _best_row(folder / "metrics.csv", config)
    if "metrics" in summary:
        metrics = _numbers(folder / SUMMARY, summary["metrics"])
    spent = _spent(folder / "energy.csv")
    spent |= _numbers(folder / SUMMARY, {key: summary[key] for key in spent if key in summary})
    counted = SUMMARY if summary.get("counts") else COUNTS
    counts = mapping(folder / counted, summary.get("counts") or read_json(folder / COUNTS))
    return Run(
        folder=folder,
        state=_state(folder, bool(summary), bool(failure)),
        config=config,
        choices=_choices(folder),
        metrics=metrics,
        epochs=epochs,
        parameters=counts.get("parameters"),
        seconds=spent["fit_seconds"],
        kwh=spent["kwh"],
        kg_co2=spent["kg_co2"],
        error=_error(folder / FAILURE, failure) if failure else None,
    )


def _state(folder: Path, finished: bool, failed: bool) -> State:
    try:
        with locked(folder, shared=True):  # who trains holds the lock
            return "finished" if finished else "failed" if failed else "stopped"
    except BlockingIOError:
        return "running"


def _below(folder: Path) -> list[Path]:
    """The folder and all below it that are not hidden, nor in one that is."""
    shown = (path for path in folder.rglob("*") if path.is_dir() and not f"/{path.relative_to(folder)}".count("/."))
    return [folder, *sorted(shown)]


def _config_path(folder: Path) -> Path:
    """The composed config; of a run that failed before it wrote its own, the one that Hydra kept."""
    return folder / CONFIG if (folder / CONFIG).is_file() else folder / ".hydra" / CONFIG


def _choices(folder: Path) -> dict[str, str]:
    path = folder / ".hydra/hydra.yaml"
    if not path.is_file():
        return {}
    choices = mapping(path, value_in(path, read_yaml(path), "hydra", "runtime", "choices"))
    return {key: str(value) for key, value in choices.items() if value is not None and not key.startswith("hydra/")}


def _error(path: Path, failure: Mapping[str, Any]) -> str:
    return f"{value_in(path, failure, 'error')}: {value_in(path, failure, 'message')}"


def _best_row(path: Path, config: Mapping[str, Any]) -> tuple[int, dict[str, float | None]]:
    """Whole epochs in ``metrics.csv``, and the metrics of its best validation by the task's ``monitor``."""
    rows = read_rows(path)
    trained = [number(path, "epoch", row.get("epoch", "")) for row in rows if row.get("train/loss_epoch")]
    epochs = max((int(epoch) + 1 for epoch in trained if epoch is not None), default=0)
    monitor, sign = config["task"]["monitor"], -1 if config["task"]["mode"] == "max" else 1
    judged = [(number(path, monitor, row[monitor]), row) for row in rows if row.get(monitor)]
    finite = [(value, row) for value, row in judged if value is not None]
    if not finite:
        return epochs, {}
    _, best = min(finite, key=lambda pair: sign * pair[0])
    return epochs, _numbers(path, {key: value for key, value in best.items() if key.startswith("val/") and value})


def _spent(path: Path) -> dict[str, float | None]:
    """Time, energy and emissions so far; None where nothing was measured."""
    rows = read_rows(path)
    if not rows:
        return {"fit_seconds": None, "kwh": None, "kg_co2": None}
    seconds = [number(path, "seconds", row.get("seconds", "")) for row in rows]
    totals = {cost: number(path, f"total_{cost}", rows[-1].get(f"total_{cost}", "")) for cost in ("kwh", "kg_co2")}
    return {"fit_seconds": sum(value for value in seconds if value is not None), **totals}


def _numbers(path: Path, values: Any) -> dict[str, float | None]:
    return {name: number(path, name, value) for name, value in mapping(path, values).items()}
