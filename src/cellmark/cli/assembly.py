"""The objects of a training, built from its config."""

import shlex
from pathlib import Path
from typing import Any

import lightning as L
from hydra.utils import get_class, instantiate
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from omegaconf import DictConfig

from cellmark.callbacks.resumption import EpochSeed, FitRecord, InterruptedCheckpoint, WholeFiles
from cellmark.cli.jobs import typed
from cellmark.data.datamodule import FoldersDataModule
from cellmark.errors import CellmarkError
from cellmark.loggers.metrics_file import MetricsFile
from cellmark.tasks.cells import CellTask
from cellmark.tasks.checkpoint import make_recipe

OWN = ("callbacks", "logger", "plugins", "default_root_dir")  # keys of the trainer that the run folder decides


def build_task(config: DictConfig, datamodule: FoldersDataModule, *, downloads: bool = True) -> CellTask:
    """Network, loss, metrics, optimizer and scheduler joined; parts that do not fit together are refused here.

    Args:
        config: of the run.
        datamodule: that serves it.
        downloads: whether pretrained weights are asked for, where the config does; they are of no use to a resume.
    """
    recipe = make_recipe(
        config.model, config.task.codec, datamodule.classes, datamodule.visibility_to_class, datamodule.size
    )
    parts = {part: instantiate(config[part]) for part in ("metrics", "loss", "optimizer", "scheduler")}
    make_task = instantiate(config.task, _partial_=True, _convert_="all")
    model = config.model if downloads else recipe["network"]
    task: CellTask = make_task(network=instantiate(model), recipe=recipe, **parts)
    return task


def build_trainer(config: DictConfig, folder: Path, record: FitRecord, resume_step: int | None = None) -> L.Trainer:
    """The trainer with the config's callbacks and loggers, and with what every run needs to go on after an end.

    Raises:
        CellmarkError: a key of the trainer that is set here, or a run of so many steps that is to go on.

    Args:
        config: of the run.
        folder: the run folder.
        record: of the fit.
        resume_step: optimizer steps of the checkpoint that a resumed run goes on from; None for a new run.
    """
    taken = [f"trainer.{key}" for key in OWN if config.trainer.get(key) is not None]
    if taken:
        raise CellmarkError(f"{', '.join(taken)}: set by cellmark; see callbacks=, logger= and output_dir=")
    if resume_step and config.trainer.get("max_steps", -1) != -1:
        raise CellmarkError("trainer.max_steps: a run that ends by steps cannot go on; trainer.max_epochs can")
    own = [EpochSeed(config.seed), record, InterruptedCheckpoint(folder / "checkpoints")]
    trainer: L.Trainer = instantiate(
        config.trainer,
        callbacks=[*own, *(instantiate(callback) for callback in config.callbacks.values() if callback)],
        logger=[_logger(logger, resume_step) for logger in config.logger.values() if logger],
        default_root_dir=str(folder),
        plugins=[WholeFiles()],
        use_distributed_sampler=False,  # `SharedBatches` does it
    )
    return trainer


def _logger(config: DictConfig, resume_step: int | None) -> Logger:
    """A logger; one of a resumed run drops what was logged after the checkpoint.

    Raises:
        CellmarkError: it would remove what the run has logged so far.
    """
    kind = get_class(config._target_)
    if resume_step is not None and issubclass(kind, CSVLogger):
        told = f"{kind.__name__}, which the run was begun with, removes metrics.csv when a run goes on"
        target = f"{MetricsFile.__module__}.{MetricsFile.__name__}"
        new = shlex.quote(f"+logger.metrics={{_target_:{target},folder:{typed(config.save_dir)}}}")
        raise CellmarkError(f"logger: {told}; put another in its place: logger.csv=null {new}")
    options: dict[str, Any] = {}
    if resume_step is not None and issubclass(kind, (MetricsFile, TensorBoardLogger)):
        options["purge_step"] = resume_step
    logger: Logger = instantiate(config, **options)
    return logger
