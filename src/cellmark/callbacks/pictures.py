"""Pictures of what is predicted while a network is trained."""

import heapq
import math
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.viz.prediction_sheet import PredictionRow, prediction_sheet


class PredictionPictures(L.Callback):
    """Two sheets of validation images at epoch 1, every ``every`` epochs and at epoch ``max_epochs``.

    ``fixed`` shows the same images each time, evenly chosen over the validation set: how the network comes on.
    ``worst`` shows those whose heatmaps have the largest squared error in that epoch: where it fails. They are written
    to ``predictions/epoch-0001-fixed.png`` and so on in the run folder, and to TensorBoard where it is a logger.

    Where an epoch has several validations, the sheets show the last one. Only the images to be shown are kept, never
    those of a whole epoch.
    """

    def __init__(self, every: int = 5, fixed: int = 4, worst: int = 4, tile: int = 320) -> None:
        """Takes the settings.

        Args:
            every: epochs between two sheets.
            fixed: images on the sheet of fixed ones; 0 leaves it out.
            worst: images on the sheet of the worst; 0 leaves it out.
            tile: side of a picture in pixels.

        Raises:
            CellmarkError: a number that is too small.
        """
        if every < 1 or fixed < 0 or worst < 0 or tile < 1:
            raise CellmarkError(f"pictures: every={every}, fixed={fixed}, worst={worst}, tile={tile} cannot be")
        self.every, self.fixed, self.worst, self.tile = every, fixed, worst, tile
        self._wanted: set[int] = set()  # places of the fixed images in the order of validation
        self._seen = 0
        self._shown: list[PredictionRow] = []
        self._heap: list[tuple[float, int, PredictionRow]] = []  # the smallest error on top
        self._tie = count()

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts anew, and chooses the fixed images: always the same, as validation goes in order."""
        self._seen, self._shown, self._heap = 0, [], []
        total = _images(trainer) if self._due(trainer) else 0
        self._wanted = set(np.linspace(0, total - 1, self.fixed).round().astype(int).tolist()) if total else set()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps those images of a batch that are to be shown.

        Args:
            trainer: of the run.
            pl_module: the task.
            outputs: ``heatmap``, ``peaks`` and ``mse`` as the task's ``validation_step`` gives them.
            batch: what they were predicted from.
            batch_idx: its number.
            dataloader_idx: number of its loader.
        """
        if not self._due(trainer):
            return
        assert isinstance(outputs, Mapping)
        for index, mse in enumerate(outputs["mse"].tolist()):
            badness = math.inf if math.isnan(mse) else mse
            fixed = self._seen in self._wanted
            worst = len(self._heap) < self.worst or (self.worst > 0 and badness > self._heap[0][0])
            if fixed or worst:
                row = _row(batch, outputs, index, mse)
                if fixed:
                    self._shown.append(row)
                if worst:
                    push = heapq.heappush if len(self._heap) < self.worst else heapq.heappushpop
                    push(self._heap, (badness, -next(self._tie), row))
            self._seen += 1

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Writes the sheets."""
        if not self._due(trainer):
            return
        epoch = trainer.current_epoch + 1
        worst = [row for _, _, row in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]
        for kind, rows, told in (("fixed", self._shown, "fixed images"), ("worst", worst, "worst images")):
            if rows:
                sheet = prediction_sheet(rows, f"Epoch {epoch}: {told}", self.tile)
                self._write(trainer, kind, epoch, sheet)
        self._shown, self._heap = [], []

    def _write(self, trainer: L.Trainer, kind: str, epoch: int, sheet: np.ndarray) -> None:
        write_image(Path(trainer.default_root_dir) / "predictions" / f"epoch-{epoch:04d}-{kind}.png", sheet)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                tag = f"predictions/{kind}"
                logger.experiment.add_image(tag, sheet, global_step=trainer.global_step, dataformats="HWC")

    def _due(self, trainer: L.Trainer) -> bool:
        """Whether this validation is to be shown; the one after the training is not."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not trainer.is_global_zero:
            return False
        epoch = trainer.current_epoch + 1
        return epoch == 1 or epoch % self.every == 0 or epoch == trainer.max_epochs


def _images(trainer: L.Trainer) -> int:
    """Number of images that this process validates on in one epoch."""
    loaders = trainer.val_dataloaders
    loader = loaders[0] if isinstance(loaders, list) else loaders
    assert isinstance(loader, torch.utils.data.DataLoader) and loader.batch_size is not None
    batches = trainer.num_val_batches[0]
    return int(min(len(loader.sampler), batches * loader.batch_size))  # type: ignore[arg-type]


def _row(batch: Batch, outputs: Mapping[str, Any], index: int, mse: float) -> PredictionRow:
    """One image of a batch, moved to the CPU."""
    image = (batch.images[index].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8)
    peaks = outputs["peaks"][index]
    return PredictionRow(
        image=_array(image),
        points=_array(batch.points[index]),
        labels=_array(batch.labels[index]),
        found_points=_array(peaks.points),
        found_labels=_array(peaks.labels),
        heatmap=_array(outputs["heatmap"][index].float().nan_to_num()),
        name=f"{batch.folders[index]}/{batch.paths[index].name}",
        note=f"heatmaps, MSE {mse:.3g}",
    )


def _array(tensor: Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array
