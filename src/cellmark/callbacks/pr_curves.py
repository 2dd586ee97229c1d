"""Precision and recall of cells at every threshold, in TensorBoard."""

from collections.abc import Mapping
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.metrics.cell_curves import CellCurves
from cellmark.tasks.cells import CellTask

MOST = 127  # thresholds that a curve of torch's SummaryWriter can have


class PrecisionRecallCurves(L.Callback):
    """Draws curves for every class and folder at epoch 1, every ``every`` epochs and at epoch ``max_epochs``.

    They are about cells, not pixels: every peak of the heatmaps is a prediction with its height as score, matched
    one-to-one with the true cells of its class; recall is a share of all true cells. Peaks below
    ``task.codec.threshold`` do not exist, so a curve ends there, at the precision and recall of the metrics.

    All processes take part, the first one writes. Without TensorBoard nothing is done.
    """

    def __init__(self, every: int = 5, thresholds: int = 101, reach: float = 0.5) -> None:
        """Takes the settings.

        Args:
            every: epochs between two curves.
            thresholds: points of a curve, at scores evenly from 0 to 1.
            reach: from a true cell to its peak, as a fraction of the pitch, in (0, 0.5].

        Raises:
            CellmarkError: a number that cannot be.
        """
        if every < 1 or not 2 <= thresholds <= MOST or not 0 < reach <= 0.5:
            raise CellmarkError(f"pr_curves: every={every}, thresholds={thresholds}, reach={reach} cannot be")
        self.every, self.thresholds, self.reach = every, thresholds, reach
        self._metric: CellCurves | None = None  # of the validation at work, where its curves are wanted

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts to count."""
        self._metric = None
        if self._due(trainer):
            folders = cast(Any, trainer).datamodule.folder_names("val")
            metric = CellCurves(cast(CellTask, pl_module).classes, folders, self.thresholds, self.reach)
            self._metric = metric.to(pl_module.device)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts the cells of a batch.

        Args:
            trainer: of the run.
            pl_module: the task.
            outputs: ``heatmap`` and ``peaks`` as the task's ``validation_step`` gives them.
            batch: what they were predicted from.
            batch_idx: its number.
            dataloader_idx: number of its loader.
        """
        if self._metric is not None:
            assert isinstance(outputs, Mapping)
            self._metric.update(outputs["heatmap"], outputs["peaks"], cast(CellTask, pl_module).targets(batch))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Adds up what all processes counted, and writes the curves at the step of the epoch's metrics."""
        if self._metric is None:
            return
        curves, classes = self._metric.compute(), self._metric.classes
        self._metric = None
        if not trainer.is_global_zero:
            return
        for key, counts in curves.items():
            group = key.partition("/")[2]
            section = "cells" if not group or group in classes else "cells_by_folder"
            if int(counts[[0, 2]].sum(dim=0)[0]):  # without a true cell there is no recall
                for logger in _boards(trainer):
                    _write(logger, f"{section}/{group or 'all'}", counts.cpu(), trainer.global_step - 1)

    def _due(self, trainer: L.Trainer) -> bool:
        """Whether this validation is to be drawn, the same in all processes; the one after the training is not."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not _boards(trainer):
            return False
        epoch = trainer.current_epoch + 1
        return epoch == 1 or epoch % self.every == 0 or epoch == trainer.max_epochs


def _boards(trainer: L.Trainer) -> list[TensorBoardLogger]:
    return [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


def _write(logger: TensorBoardLogger, tag: str, counts: Tensor, step: int) -> None:
    """Writes one curve; where nothing scores high enough precision means nothing, and TensorBoard does not show it."""
    right, wrong, missed = counts
    precision, recall = right / (right + wrong).clamp_min(1), right / (right + missed)
    negatives = torch.zeros_like(right)  # an empty place is no cell that is rightly not found
    rows = [rows.numpy() for rows in (right, wrong, negatives, missed, precision, recall)]
    logger.experiment.add_pr_curve_raw(tag, *rows, global_step=step, num_thresholds=len(right))
