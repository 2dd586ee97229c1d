"""The task: find the cells. The only place that knows network, codec, loss and metrics."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import lightning as L
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from cellmark.losses.mse import heatmap_mse
from cellmark.metrics.cells import CellMetrics
from cellmark.metrics.heatmap_mse import HeatmapMSE
from cellmark.models.network import Network

RECIPE = "cellmark"  # key of a checkpoint under which everything lies that inference needs


class CellTask(L.LightningModule):
    """Trains a network to draw a peak at every cell, and judges the cells that are read from its maps.

    Attributes:
        monitor: the metric that selects the best weights and drives the plateau scheduler.
        mode: ``min`` or ``max``: whether ``monitor`` is to fall or to rise.
    """

    def __init__(
        self,
        network: Network,
        codec: GaussianCodec,
        classes: Sequence[str],
        loss: nn.Module | None = None,
        optimizer: Callable[..., torch.optim.Optimizer] | None = None,
        scheduler: Callable[..., dict[str, Any]] | None = None,
        recipe: dict[str, Any] | None = None,
        monitor: str = "val/mse",
        mode: str = "min",
    ) -> None:
        """Joins the parts; loss, optimizer and scheduler are needed for training only.

        Raises:
            CellmarkError: the network lacks a head that the loss needs, or its heatmap has not one map per class.
        """
        super().__init__()
        self.network, self.codec, self.classes, self.loss = network, codec, list(classes), loss
        self.optimizer, self.scheduler, self.recipe = optimizer, scheduler, recipe
        self.monitor, self.mode = monitor, mode
        self.scores = nn.ModuleDict()
        heads = list(network.heads)
        needed = set(getattr(loss, "needs", ())) | {"heatmap"}
        if not needed <= set(heads):
            raise CellmarkError(f"{type(loss).__name__} needs the heads {sorted(needed)}, the network has {heads}")
        maps = cast(nn.Conv2d, network.heads["heatmap"]).out_channels
        if maps != len(self.classes):
            raise CellmarkError(f"the heatmap head has {maps} maps for {len(self.classes)} classes {self.classes}")

    def setup(self, stage: str) -> None:
        """Makes the metrics; they count by folder, and only the data module knows the folders."""
        data = cast(Any, self.trainer).datamodule
        for name in {"fit": ["val"], "validate": ["val"], "test": ["test"]}.get(stage, []):
            cells = CellMetrics(self.classes, data.folder_names(name))
            self.scores[name] = nn.ModuleDict({"mse": HeatmapMSE(), "cells": cells})

    def targets(self, batch: Batch) -> Targets:
        """Renders the truth of a batch at the size of the network's maps."""
        size = self.network.map_size(*batch.images.shape[-2:])
        heatmap = self.codec.encode(
            batch.points, batch.labels, batch.pitch, size, self.network.stride, len(self.classes)
        )
        return Targets(heatmap, batch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The loss of a batch."""
        assert self.loss is not None
        outputs, targets = self.network(batch.images), self.targets(batch)
        loss: Tensor = self.loss(outputs, targets)
        mse = heatmap_mse(outputs["heatmap"].detach().float().sigmoid(), targets.heatmap).mean()
        self.log("train/loss", loss, prog_bar=True, on_step=True, on_epoch=True, batch_size=len(batch))
        self.log("train/mse", mse, on_step=False, on_epoch=True, batch_size=len(batch), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Adds a batch to the validation metrics."""
        self._measure("val", batch)

    def test_step(self, batch: Batch, batch_index: int) -> None:
        """Adds a batch to the test metrics."""
        self._measure("test", batch)

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
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = self.scheduler(optimizer, total_steps=steps, monitor=self.monitor, mode=self.mode)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Puts everything that inference needs into the checkpoint."""
        checkpoint[RECIPE] = self.recipe

    def _measure(self, name: str, batch: Batch) -> None:
        outputs, targets = self.network(batch.images), self.targets(batch)
        heatmap = outputs["heatmap"].float().sigmoid()
        scores = cast(nn.ModuleDict, self.scores[name])
        cast(Metric, scores["mse"]).update(heatmap, targets.heatmap)
        cast(Metric, scores["cells"]).update(self.codec.decode(heatmap, self.network.stride), batch)
        if self.loss is not None:
            self.log(f"{name}/loss", self.loss(outputs, targets), batch_size=len(batch), sync_dist=True)

    def _log_scores(self, name: str) -> None:
        scores = cast(nn.ModuleDict, self.scores[name])
        values = {"mse": cast(Metric, scores["mse"]).compute(), **cast(Metric, scores["cells"]).compute()}
        for key, value in values.items():
            self.log(f"{name}/{key}", value, prog_bar=key in ("mse", "cell_f1_50"))
        for metric in scores.values():
            cast(Metric, metric).reset()
