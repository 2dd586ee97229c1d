"""What is known of a run, read from its folder, whether it has finished, failed, was stopped or is still at work."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cellmark.errors import CellmarkError
from cellmark.files import locked

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
            is a value that could not be measured.
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
    return hydra.is_file() and _yaml(hydra)["hydra"]["job"]["config_name"] == "train"


def read_run(folder: Path) -> Run:
    """Reads a run's folder.

    Raises:
        CellmarkError: a file in it cannot be read.
    """
    config = _config(folder)
    summary, failure = _json(folder / SUMMARY), _json(folder / FAILURE)
    epochs, metrics = _best_row(folder / "metrics.csv", config)
    energy = _rows(folder / "energy.csv")
    spent = {
        "fit_seconds": sum(float(row["seconds"]) for row in energy) if energy else None,
        "kwh": float(energy[-1]["total_kwh"]) if energy else None,
        "kg_co2": float(energy[-1]["total_kg_co2"]) if energy else None,
    }
    spent |= {key: summary[key] for key in spent if key in summary}
    counts = summary.get("counts") or _json(folder / COUNTS)
    return Run(
        folder=folder,
        state=_state(folder, bool(summary), bool(failure)),
        config=config,
        choices=_choices(folder),
        metrics=summary.get("metrics", metrics),
        epochs=epochs,
        parameters=counts.get("parameters"),
        seconds=spent["fit_seconds"],
        kwh=spent["kwh"],
        kg_co2=spent["kg_co2"],
        error=f"{failure['error']}: {failure['message']}" if failure else None,
    )


def _state(folder: Path, finished: bool, failed: bool) -> State:
    try:
        with locked(folder, shared=True):  # who trains holds the lock
            return "finished" if finished else "failed" if failed else "stopped"
    except BlockingIOError:
        return "running"


def _below(folder: Path) -> list[Path]:
    hidden = (path for path in folder.rglob("*") if path.is_dir() and not f"/{path.relative_to(folder)}".count("/."))
    return [folder, *sorted(hidden)]


def _config(folder: Path) -> dict[str, Any]:
    """The composed config; of a run that failed before it wrote its own, the one that Hydra kept."""
    path = folder / CONFIG if (folder / CONFIG).is_file() else folder / ".hydra" / CONFIG
    try:
        config = cast(DictConfig, OmegaConf.load(path))
        config["output_dir"] = str(folder)
        return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    except (OSError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise CellmarkError(f"{path}: cannot be read: {error}") from error


def _choices(folder: Path) -> dict[str, str]:
    path = folder / ".hydra/hydra.yaml"
    if not path.is_file():
        return {}
    choices = _yaml(path)["hydra"]["runtime"]["choices"]
    return {key: str(value) for key, value in choices.items() if value is not None and not key.startswith("hydra/")}


def _best_row(path: Path, config: Mapping[str, Any]) -> tuple[int, dict[str, float | None]]:
    """Whole epochs in ``metrics.csv``, and the metrics of its best validation by the task's ``monitor``."""
    rows = _rows(path)
    epochs = max((int(row["epoch"]) + 1 for row in rows if row.get("train/loss_epoch")), default=0)
    monitor, sign = config["task"]["monitor"], -1 if config["task"]["mode"] == "max" else 1
    judged = [row for row in rows if row.get(monitor) and math.isfinite(float(row[monitor]))]
    if not judged:
        return epochs, {}
    best = min(judged, key=lambda row: sign * float(row[monitor]))
    values = {key: float(value) for key, value in best.items() if key.startswith("val/") and value}
    return epochs, {key: value if math.isfinite(value) else None for key, value in values.items()}


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return cast(dict[str, Any], json.loads(path.read_text()))
    except ValueError as error:
        raise CellmarkError(f"{path}: not JSON: {error}") from error


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], yaml.safe_load(path.read_text()))
    except yaml.YAMLError as error:
        raise CellmarkError(f"{path}: not YAML: {error}") from error
