"""What makes a run that goes on from a checkpoint the same as one that was never interrupted."""

import logging
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.trainer.states import TrainerFn

from cellmark.files import write_bytes

log = logging.getLogger(__name__)


class EpochSeed(L.Callback):
    """Seeds the network's own randomness, such as dropout, by seed, epoch and process, when an epoch begins."""

    def __init__(self, seed: int) -> None:
        """Takes the seed of the run."""
        self.seed = seed

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Seeds torch on all devices."""
        key = [self.seed, trainer.current_epoch, trainer.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))


class FitRecord(L.Callback):
    """What the summary tells of the fit, with what was before a resume.

    Attributes:
        seconds: until the end of the last fit.
        metrics: ``train/loss`` and ``train/mse`` of the last whole epoch.
    """

    def __init__(self, begin: Callable[[], None] = lambda: None) -> None:
        """Starts at nothing.

        Args:
            begin: called when an epoch begins, when everything that a run may be refused for has been looked at.
        """
        self.begin = begin
        self.seconds = self._earlier = 0.0
        self.metrics: dict[str, float] = {}
        self._started: float | None = None
        self._processes = 1

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts to count."""
        self._started, self._processes = time.perf_counter(), trainer.world_size

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lets a run that early stopping had ended stay so: Lightning keeps that in no checkpoint."""
        if any(one.stopped_epoch for one in trainer.early_stopping_callbacks):
            log.info("early stopping has ended this run")
            trainer.should_stop = True

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Says that the run goes on."""
        self.begin()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Takes the metrics of the epoch."""
        keys = {"train/loss", "train/mse"} & trainer.callback_metrics.keys()
        self.metrics = {key: float(trainer.callback_metrics[key]) for key in sorted(keys)}

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stops."""
        self.seconds, self._started = self._now(), None

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from."""
        return {"seconds": self._now(), "metrics": dict(self.metrics), "processes": self._processes}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Goes on from a checkpoint; not where one is loaded to be measured after the training."""
        state = checkpoint["callbacks"].get(self.state_key)
        if not state or trainer.state.fn != TrainerFn.FITTING:
            return
        self._earlier = self.seconds = state["seconds"]
        self.metrics = dict(state["metrics"])
        if state["processes"] != trainer.world_size:
            told = "%d processes, %d until now: each step has another number of images, so the run ends otherwise"
            log.warning(told, trainer.world_size, state["processes"])

    def _now(self) -> float:
        return self.seconds if self._started is None else self._earlier + time.perf_counter() - self._started


class InterruptedCheckpoint(L.Callback):
    """Keeps the weights of a training that ends within an epoch as ``interrupted.ckpt``.

    Ctrl-C and SIGTERM end it so, ``trainer.max_time`` too, and early stopping where an epoch has several validations.
    The weights are good for ``predict`` and ``evaluate`` and to start another run from. A resume goes on from
    ``last.ckpt``, the end of the last whole epoch.
    """

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the checkpoints."""
        self.path = folder / "interrupted.ckpt"

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Writes the file, in one process and without waiting for others, which may be gone."""
        if isinstance(exception, (KeyboardInterrupt, SystemExit)) and trainer.state.fn == TrainerFn.FITTING:
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Writes the file where the last epoch was cut short."""
        if not is_whole_epoch(trainer):
            self._save(trainer, pl_module)

    def _save(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        content: dict[str, Any] = {"state_dict": pl_module.state_dict(), "epoch": trainer.current_epoch}
        pl_module.on_save_checkpoint(content)
        WholeFiles().save_checkpoint(content, self.path)


def is_whole_epoch(trainer: L.Trainer) -> bool:
    """Whether the epoch has had all of its batches; at its end, when nothing but time or a callback can have cut it."""
    return trainer.fit_loop.epoch_loop.batch_progress.is_last_batch


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it: a killed run leaves the old one or the new one.

    It is made in memory first: where torch writes to a full disk itself, its error does not say so.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """See ``TorchCheckpointIO``."""
        content = BytesIO()
        torch.save(checkpoint, content)
        write_bytes(Path(path), content.getbuffer())
