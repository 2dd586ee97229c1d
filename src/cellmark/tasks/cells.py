"""The task: find the cells. The only place that knows network, codec, loss and metrics."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import Maps
from cellmark.losses.mse import heatmap_mse
from cellmark.metrics.base import GroupedMetric
from cellmark.models.network import MapNetwork
from cellmark.tasks.checkpoint import RECIPE


class CellTask(L.LightningModule):
    """Trains a network to draw a peak at every cell, and judges the cells that are read from its maps.

    Attributes:
        monitor: the metric that selects the best weights and drives the plateau scheduler.
        mode: ``min`` or ``max``: whether ``monitor`` is to fall or to rise.
    """

    def __init__(
        self,
        network: MapNetwork,
        codec: GaussianCodec,
        classes: Sequence[str],
        metrics: Mapping[str, Callable[..., GroupedMetric] | None] | None = None,
        loss: Loss | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        scheduler: Callable[..., dict[str, Any]] | None = None,
        recipe: dict[str, Any] | None = None,
        monitor: str = "val/mse",
        mode: str = "min",
        channels_last: bool = True,
        compile: bool = False,
    ) -> None:
        """Joins the parts.

        Args:
            network: images to maps.
            codec: points to heatmaps and back.
            classes: name of each class.
            metrics: by any name, called with ``classes`` and ``folders``; for validation and test. None is left out.
            loss: for training; where there is one, validation tells it too.
            optimizer: called with the parameters; for training.
            scheduler: called as ``cellmark.tasks.schedules`` says; none keeps the learning rate.
            recipe: what the checkpoint is to carry, of ``cellmark.tasks.checkpoint.make_recipe``.
            monitor: the metric that selects the best weights.
            mode: ``min`` or ``max``.
            channels_last: whether images and network keep their numbers pixel by pixel, or map by map.
            compile: whether ``torch.compile`` makes code for the network, when it first runs.

        Raises:
            CellmarkError: the network lacks a head that the loss needs, its heatmap has not one map per class, or there
                are too few classes for the loss.
        """
        super().__init__()
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        network = network.to(memory_format=self.layout)
        if compile:
            network.compile()
        self.network, self.codec, self.classes, self.loss = network, codec, list(classes), loss
        self.optimizer, self.scheduler, self.recipe = optimizer, scheduler, recipe
        self.monitor, self.mode = monitor, mode
        self.metrics = [make for make in (metrics or {}).values() if make is not None]
        self.scores = nn.ModuleDict()
        heads = list(network.channels)
        needed = {"heatmap", *(loss.needs if loss is not None else ())}
        if not needed <= set(heads):
            raise CellmarkError(
                f"loss {type(loss).__name__} needs the heads {sorted(needed)}, the network has {heads} (model.heads)"
            )
        if loss is not None and len(self.classes) < loss.least_classes:
            least = f"at least {loss.least_classes} classes"
            raise CellmarkError(f"loss {type(loss).__name__} needs {least}, the mode has {self.classes}")
        maps = network.channels["heatmap"]
        if maps != len(self.classes):
            raise CellmarkError(f"the heatmap head has {maps} maps for {len(self.classes)} classes {self.classes}")

    def setup(self, stage: str) -> None:
        """Makes the metrics; they count by folder, and only the data module knows the folders."""
        data = cast(Any, self.trainer).datamodule
        for name in {"fit": ["val"], "validate": ["val"], "test": ["test"]}.get(stage, []):
            made = (make(classes=self.classes, folders=data.folder_names(name)) for make in self.metrics)
            self.scores[name] = nn.ModuleList(made)

    def targets(self, batch: Batch) -> Targets:
        """Renders the truth of a batch at the size of the network's maps."""
        size = self.network.map_size(*batch.images.shape[-2:])
        heatmap = self.codec.encode(
            batch.points, batch.labels, batch.pitch, size, self.network.stride, len(self.classes)
        )
        return Targets(heatmap, batch, self.network.stride)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss of a batch."""
        outputs, targets = self._predict(batch)
        with self._stage("metrics"):
            mse = heatmap_mse(outputs.probabilities.detach(), targets.heatmap).mean()
        self.log("train/mse", mse, on_step=False, on_epoch=True, batch_size=self._weight(batch), sync_dist=True)
        return self._loss("train", outputs, targets)

    def on_train_epoch_end(self) -> None:
        """Ends a training that can only go on with nonsense.

        Raises:
            CellmarkError: the loss of the epoch's last step is not finite.
        """
        loss = float(self.trainer.callback_metrics["train/loss"])
        if not math.isfinite(loss):
            raise CellmarkError(
                f"the training diverged: its loss is {loss} in epoch {self.current_epoch + 1}; lower optimizer.lr"
            )

    def validation_step(self, batch: Batch, batch_index: int) -> dict[str, Any]:
        """Adds a batch to the validation metrics; gives callbacks what was predicted, see ``_measure``."""
        return self._measure("val", batch)

    def test_step(self, batch: Batch, batch_index: int) -> dict[str, Any]:
        """Adds a batch to the test metrics; gives callbacks what was predicted, see ``_measure``."""
        return self._measure("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Logs the validation metrics."""
        self._log_scores("val")

    def on_test_epoch_end(self) -> None:
        """Logs the test metrics."""
        self._log_scores("test")

    def configure_optimizers(self) -> Any:
        """The optimizer and, where there is one, the scheduler of the config."""
        assert self.optimizer is not None
        optimizer = self.optimizer(self.network.parameters())
        if self.scheduler is None:
            return optimizer
        steps = self.trainer.estimated_stepping_batches  # infinite where only time ends the run
        schedule = self.scheduler(optimizer, total_steps=steps, monitor=self.monitor, mode=self.mode)
        if isinstance(schedule["scheduler"], ReduceLROnPlateau):
            schedule["frequency"] = sys.maxsize  # Lightning leaves it to `on_validation_end`
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_train_start(self) -> None:
        """Checks a schedule that came with the checkpoint of a resumed run.

        Raises:
            CellmarkError: it was planned for a run of another length.
        """
        steps = self.trainer.estimated_stepping_batches
        for config in self.trainer.lr_scheduler_configs:
            planned = getattr(config.scheduler, "total_steps", steps)
            if planned != steps:
                name = type(config.scheduler).__name__
                told = f"{name} was planned for {planned} steps, the run now has {steps}"
                raise CellmarkError(f"scheduler: {told}; leave data and trainer.max_epochs as they were")

    def on_validation_end(self) -> None:
        """Steps a schedule that waits for the monitored metric.

        Lightning would do it at the end of the epoch, when the checkpoint of that epoch is written already: a resumed
        run would miss a step.
        """
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            for config in self.trainer.lr_scheduler_configs:
                if config.reduce_on_plateau:
                    cast(Any, config.scheduler).step(self.trainer.callback_metrics[cast(str, config.monitor)])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Puts everything that inference needs into the checkpoint."""
        checkpoint[RECIPE] = self.recipe

    def _stage(self, name: str) -> AbstractContextManager[None]:
        """A part of a step that the trainer's profiler tells apart."""
        stage: AbstractContextManager[None] = cast(Any, self.trainer).profiler.profile(f"[CellTask]{name}")
        return stage

    def _predict(self, batch: Batch) -> tuple[Maps, Targets]:
        """What the network makes of a batch, and what it should."""
        with self._stage("forward"):
            outputs = Maps.of(self.network(batch.images.contiguous(memory_format=self.layout)))
        with self._stage("encode"):
            return outputs, self.targets(batch)

    def _loss(self, split: str, outputs: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """The loss of a batch; logs it, and each of its terms without its weight."""
        assert self.loss is not None
        with self._stage("loss"):
            terms = self.loss.terms(outputs, targets)
            loss = self.loss.total(terms)
        size, train = self._weight(targets.batch), split == "train"
        self.log(f"{split}/loss", loss, prog_bar=train, on_step=train, on_epoch=True, batch_size=size, sync_dist=True)
        for name, value in terms.items():
            self.log(f"{split}/loss_{name}", value, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)
        return loss

    def _weight(self, batch: Batch) -> int:
        """What a batch counts in the mean of an epoch: its images, times the processes.

        Lightning 2.6 divides the integer sum of all weights by the number of processes, and rounds it down.
        """
        return len(batch) * self.trainer.world_size

    def _measure(self, split: str, batch: Batch) -> dict[str, Any]:
        """Adds a batch to the metrics.

        Returns:
            ``heatmap`` float32 (B, C, h, w) in 0..1, ``peaks`` one per image, and ``mse`` (B,) of the heatmaps.
        """
        outputs, targets = self._predict(batch)
        heatmap = outputs.probabilities
        with self._stage("decode"):
            peaks = self.codec.decode(heatmap, self.network.stride)
        with self._stage("metrics"):
            for metric in cast(nn.ModuleList, self.scores[split]):
                cast(GroupedMetric, metric).update(heatmap, peaks, targets)
        if self.loss is not None:
            self._loss(split, outputs, targets)
        return {"heatmap": heatmap, "peaks": peaks, "mse": heatmap_mse(heatmap, targets.heatmap)}

    def _log_scores(self, split: str) -> None:
        for metric in cast(nn.ModuleList, self.scores[split]):
            with self._stage("metrics"):
                values = cast(GroupedMetric, metric).compute()
            for key, value in values.items():
                self.log(f"{split}/{key}", value, prog_bar=key in ("mse", "cell_f1_50"))
            cast(GroupedMetric, metric).reset()
