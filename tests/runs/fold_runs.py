"""Folds of a cross-validation that nobody trained."""

from pathlib import Path

from cellmark.runs.record import Run


def fold(metrics, state="finished", **others):
    told = {"epochs": 4, "parameters": 900, "seconds": 10.5, "kwh": 0.002, "kg_co2": 0.001, "error": None} | others
    config = {"task": {"monitor": "val/mse", "mode": "min"}, "data": {"val_folder": 0}} | told.pop("config", {})
    choices = told.pop("choices", {"backbone": "compact", "loss": "mse"})
    return Run(Path("unused"), state, config, choices, dict(metrics), **told)
