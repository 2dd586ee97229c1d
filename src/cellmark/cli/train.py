"""``cellmark train``: one experiment, from config to weights and metrics."""

import json
import logging
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning as L
from hydra.utils import instantiate
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig, OmegaConf

from cellmark.callbacks.energy import Energy
from cellmark.callbacks.resumption import FitRecord
from cellmark.cli.assembly import build_task, build_trainer
from cellmark.cli.results import print_metrics
from cellmark.cli.resume import LAST
from cellmark.data.datamodule import FoldersDataModule, lost_loaders_told
from cellmark.data.dataset import pitches
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_json
from cellmark.loggers.tensorboard import ReviewLogger
from cellmark.runs.folder import last_checkpoint, occupied
from cellmark.runs.processes import other_processes
from cellmark.runs.rank import is_first_process
from cellmark.runs.record import CONFIG, COUNTS, SUMMARY
from cellmark.runs.summary import summary
from cellmark.tasks.cells import CellTask
from cellmark.tasks.checkpoint import read_checkpoint
from cellmark.tasks.transfer import transfer_weights

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

    With ``ckpt=last`` the run in ``output_dir`` goes on from the end of its last whole epoch, as if nothing had
    happened; ``config`` is then that run's own, see ``cellmark.cli.resume``.

    Raises:
        CellmarkError: the run folder holds a run already, or the data has problems.
    """
    folder, resume = Path(config.output_dir), config.get("ckpt") == LAST
    with ExitStack() as stack:
        begin = stack.enter_context(occupied(folder, resume)) if is_first_process() else _nothing
        stack.enter_context(lost_loaders_told())
        return _train(config, folder, resume, begin)


def _train(config: DictConfig, folder: Path, resume: bool, begin: Callable[[], None]) -> Training:
    started = time.perf_counter()
    L.seed_everything(config.seed, verbose=False)
    datamodule: FoldersDataModule = instantiate(config.data)
    datamodule.setup("fit")
    ckpt = last_checkpoint(folder) if resume else None
    task = build_task(config, datamodule, downloads=ckpt is None)
    _warn_of_close_cells(datamodule, task.network.stride)
    done = read_checkpoint(ckpt) if ckpt else {"epoch": -1, "global_step": 0}
    datamodule.first_epoch = done["epoch"] + 1
    record = FitRecord(begin)
    trainer = build_trainer(config, folder, record, done["global_step"] if resume else None)
    counts = {"parameters": sum(p.numel() for p in task.network.parameters()), "images": datamodule.counts()}
    report = None
    if resume:
        _check_resume(folder, counts, ckpt, done["epoch"] + 1, config.trainer.max_epochs)
    if ckpt is None and config.get("weights") and config.weights.ckpt:
        report = transfer_weights(task.network, Path(config.weights.ckpt), config.weights.parts)
    if trainer.is_global_zero:
        _write_beginning(folder, config, counts, report)
    reviews = [logger for logger in trainer.loggers if isinstance(logger, ReviewLogger)]
    for review in reviews:
        review.log_config(config)
    with other_processes(trainer, config):
        metrics, best = _fit_and_measure(trainer, task, datamodule, ckpt)
    metrics = record.metrics | metrics
    for review in reviews:
        review.log_final(metrics, trainer.global_step)
    if trainer.is_global_zero:
        costs = {"fit_seconds": round(record.seconds, 2)} | _energy(trainer)
        begin()  # also where no epoch was left to train
        content = summary(metrics, counts, time.perf_counter() - started)
        write_json(folder / SUMMARY, content | costs | {"checkpoint": best or None})
    return Training(metrics, trainer, task, datamodule, folder)


def _nothing() -> None:
    """What a further process has to say about the run folder."""


def _check_resume(folder: Path, counts: dict[str, Any], ckpt: Path | None, epochs: int, most: int | None) -> None:
    """Checks that a run which goes on is the one that was begun, and tells from where it does.

    Raises:
        CellmarkError: other data or another network, or an end that has passed.
    """
    path = folder / COUNTS
    before = json.loads(path.read_text()) if path.exists() else counts
    if before != counts:
        raise CellmarkError(
            f"{path}: the run was begun with {before}, now it has {counts}: it cannot go on with others"
        )
    if most is not None and most != -1 and epochs > most:
        told = f"trainer.max_epochs={most}: the run has {epochs} epochs already"
        raise CellmarkError(f"{told}; name the number that it was prolonged to")
    log.info("goes on from %s", ckpt or "the beginning, as no epoch was finished")
    if epochs == most:
        log.info("all epochs are trained; a greater trainer.max_epochs prolongs the run")


def _write_beginning(folder: Path, config: DictConfig, counts: dict[str, Any], transfer: dict[str, Any] | None) -> None:
    if not (folder / CONFIG).exists():  # that of a resumed run stays as it is
        write_bytes(folder / CONFIG, OmegaConf.to_yaml(config, resolve=True).encode())
    write_json(folder / COUNTS, counts)
    if transfer is not None:
        write_json(folder / "weights.json", transfer)


def _fit_and_measure(
    trainer: L.Trainer, task: CellTask, datamodule: FoldersDataModule, ckpt: Path | None
) -> tuple[dict[str, float], str]:
    """Trains; the metrics of the best weights, and the checkpoint that holds these."""
    with warnings.catch_warnings():
        # What is logged at the end of an epoch is computed from the counts of all processes already.
        warnings.filterwarnings("ignore", "It is recommended to use `self.log", PossibleUserWarning)
        trainer.fit(task, datamodule=datamodule, ckpt_path=ckpt and str(ckpt), weights_only=True)
        saver = trainer.checkpoint_callback
        best = saver.best_model_path if isinstance(saver, ModelCheckpoint) else ""
        return _final(trainer, task, datamodule, best), best


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
    if training.trainer.is_global_zero:
        print_metrics(training.metrics, title=f"best weights of {training.folder}")
