"""Run folders as trainings leave them, without a training."""

import json
from pathlib import Path

import yaml

BASE = {
    "task": {"classes": ["black", "white"], "monitor": "val/mse", "mode": "min"},
    "mode": {"classes": ["black", "white"]},
    "data": {"root": "photos", "val_folder": "a", "seed": 1, "batch_size": 8, "classes": ["black", "white"]},
    "backbone": {"_target_": "cellmark.models.compact.CompactBackbone", "widths": [8, 16]},
    "model": {"backbone": {"_target_": "cellmark.models.compact.CompactBackbone", "widths": [8, 16]}},
    "loss": {"_target_": "cellmark.losses.mse.MSELoss"},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.001},
    "callbacks": {"checkpoint": {"dirpath": "?/checkpoints"}, "progress": None},
    "trainer": {"max_epochs": 10},
    "name": "cells",
    "seed": 1,
}
DERIVED = {  # how a composed config says what follows from what
    "data.seed": "${seed}",
    "data.classes": "${mode.classes}",
    "task.classes": "${mode.classes}",
    "model.backbone": "${backbone}",
    "callbacks.checkpoint.dirpath": "${output_dir}/checkpoints",
}
CHOICES = {"backbone": "compact", "loss": "mse", "mode": "separated", "optimizer": "adamw", "experiment": None}


def put(config: dict, key: str, value) -> None:
    """Sets ``config`` under a key with dots."""
    *above, last = key.split(".")
    for name in above:
        config = config.setdefault(name, {})
    config[last] = value


def made_run(
    folder: Path,
    settings: dict | None = None,
    choices: dict | None = None,
    metrics: dict | None = None,
    costs: tuple[float, float, float] = (10.0, 1e-3, 1e-4),
    parameters: int = 1000,
    state: str = "finished",
) -> Path:
    """Writes a run folder.

    Args:
        folder: new.
        settings: keys that differ from `BASE`, with dots. Those of ``backbone`` and ``seed`` get into their copies.
        choices: options of groups that differ from `CHOICES`; None leaves out ``.hydra``, as in a call from Python.
        metrics: by name; of an unfinished run only ``val/`` ones.
        costs: seconds, kWh, kg CO2.
        parameters: of the network.
        state: finished, failed or stopped.
    """
    config = json.loads(json.dumps(BASE)) | {"output_dir": str(folder)}
    for key, value in (settings or {}).items():
        put(config, key, value)
    composed = json.loads(json.dumps(config))
    for key, value in DERIVED.items():
        put(composed, key, value)
    config["model"]["backbone"] = config["backbone"]
    config["data"]["seed"] = config["seed"]
    config["data"]["classes"] = config["task"]["classes"] = config["mode"]["classes"]
    config["callbacks"]["checkpoint"]["dirpath"] = f"{folder}/checkpoints"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    if choices is not None:
        (folder / ".hydra").mkdir()
        (folder / ".hydra/config.yaml").write_text(yaml.safe_dump(composed, sort_keys=False))
        runtime = {"job": {"config_name": "train"}, "runtime": {"choices": CHOICES | choices}}
        (folder / ".hydra/hydra.yaml").write_text(yaml.safe_dump({"hydra": runtime}))
    (folder / "counts.json").write_text(json.dumps({"parameters": parameters}))
    _write_results(folder, metrics or {}, costs, parameters, state)
    return folder


def _write_results(folder: Path, metrics: dict, costs: tuple, parameters: int, state: str) -> None:
    seconds, kwh, kg = costs
    rows = ["epoch,seconds,total_kwh,total_kg_co2", f"1,{seconds},{kwh},{kg}"]
    (folder / "energy.csv").write_text("\n".join(rows) + "\n")
    if metrics:
        row = {"epoch": 2, "train/loss_epoch": 1.0, "val/mse": 0.5} | metrics
        lines = [",".join(row), ",".join("nan" if value is None else str(value) for value in row.values())]
        (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    if state == "finished":
        spent = {"fit_seconds": seconds, "kwh": kwh, "kg_co2": kg}
        content = {"metrics": metrics, "counts": {"parameters": parameters}} | spent
        (folder / "summary.json").write_text(json.dumps(content))
    if state == "failed":
        failure = {"error": "CellmarkError", "message": "the training diverged:\nits loss is nan", "traceback": ""}
        (folder / "failure.json").write_text(json.dumps(failure))
