"""``cellmark train``: one experiment, from config to weights and metrics."""

import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from cellmark.callbacks.energy import Energy
from cellmark.cli.results import print_metrics, summary
from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.dataset import pitches
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_json
from cellmark.tasks.cells import CellTask
from cellmark.tasks.checkpoint import make_recipe

CLOSEST = 2.4  # pixels of the heatmap between two cells that can still be told apart

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """What a training leaves behind: numbers for people and sweeps, objects for tests and notebooks."""

    metrics: dict[str, float]
    trainer: L.Trainer
    task: CellTask
    datamodule: FoldersDataModule
    folder: Path


def train(config: DictConfig) -> Training:
    """Runs the experiment that ``config`` describes (``conf/train.yaml`` and its groups).

    Raises:
        CellmarkError: the run folder holds a run already, or the data has problems.
    """
    started, folder = time.perf_counter(), Path(config.output_dir)
    if (folder / "config.yaml").exists():
        raise CellmarkError(f"{folder}: already holds a run; name another output_dir")
    L.seed_everything(config.seed, workers=True, verbose=False)
    datamodule: FoldersDataModule = instantiate(config.data)
    datamodule.setup("fit")
    task = build_task(config, datamodule)
    _warn_of_close_cells(datamodule, task.network.stride)
    trainer: L.Trainer = instantiate(
        config.trainer,
        callbacks=[instantiate(callback) for callback in config.callbacks.values() if callback],
        logger=[instantiate(logger) for logger in config.logger.values() if logger],
        default_root_dir=str(folder),
    )
    if trainer.world_size > 1:
        raise CellmarkError(f"trainer.devices: {trainer.world_size} processes; trainings run in one process for now")
    write_bytes(folder / "config.yaml", OmegaConf.to_yaml(config, resolve=True).encode())
    with warnings.catch_warnings():  # the CSV logger shares the run folder with everybody else
        warnings.filterwarnings("ignore", "Experiment logs directory", UserWarning)
        fit_started = time.perf_counter()
        trainer.fit(task, datamodule=datamodule)
        fit_seconds = time.perf_counter() - fit_started
    fitted = {
        key: float(trainer.callback_metrics[key])
        for key in ("train/loss", "train/mse")
        if key in trainer.callback_metrics
    }
    saver = trainer.checkpoint_callback
    best = saver.best_model_path if isinstance(saver, ModelCheckpoint) else ""
    metrics = fitted | _final(trainer, task, datamodule, best)
    counts = {"parameters": sum(p.numel() for p in task.network.parameters()), "images": datamodule.counts()}
    costs = {"fit_seconds": round(fit_seconds, 2)} | _energy(trainer)
    content = summary(metrics, counts, time.perf_counter() - started)
    write_json(folder / "summary.json", content | costs | {"checkpoint": best or None})
    return Training(metrics, trainer, task, datamodule, folder)


def build_task(config: DictConfig, datamodule: FoldersDataModule) -> CellTask:
    """Network, loss, metrics, optimizer and scheduler joined; parts that do not fit together are refused here."""
    recipe = make_recipe(
        config.model, config.task.codec, datamodule.classes, datamodule.visibility_to_class, datamodule.size
    )
    parts = {part: instantiate(config[part]) for part in ("metrics", "loss", "optimizer", "scheduler")}
    make_task = instantiate(config.task, _partial_=True, _convert_="all")
    task: CellTask = make_task(network=instantiate(config.model), recipe=recipe, **parts)
    return task


def _final(trainer: L.Trainer, task: CellTask, datamodule: FoldersDataModule, best: str) -> dict[str, float]:
    """Measures the best weights once more, and on the test folder where there is one."""
    options: dict[str, Any] = {"ckpt_path": best or None, "weights_only": True, "verbose": False}
    values = trainer.validate(task, datamodule=datamodule, **options)
    if datamodule.folders["test"]:
        values += trainer.test(task, datamodule=datamodule, **options)
    return {key: float(value) for part in values for key, value in part.items()}


def _energy(trainer: L.Trainer) -> dict[str, float | None]:
    """``kwh`` and ``kg_co2`` of the fit, null where nothing measured them."""
    meters = [callback for callback in cast(Any, trainer).callbacks if isinstance(callback, Energy)]
    return dict(meters[0].total()) if meters else {"kwh": None, "kg_co2": None}


def _warn_of_close_cells(datamodule: FoldersDataModule, stride: int) -> None:
    """Peaks of neighbouring cells merge below some 2.5 pixels of the heatmap: such cells cannot be learnt."""
    close = float((pitches(datamodule.dataset("train")) < CLOSEST * stride).mean())
    if close > 0.01:
        log.warning(
            "%.0f %% of the cells are less than %g pixels apart at data.size=%s, too close for maps at stride %d: "
            "raise data.size, or take a decoder with a smaller stride",
            *(100 * close, CLOSEST * stride, list(datamodule.size), stride),
        )


def run(**config: Any) -> None:
    """Runs the verb with the keys of ``conf/train.yaml``."""
    training = train(OmegaConf.create(config))
    print_metrics(training.metrics, title=f"best weights of {training.folder}")
