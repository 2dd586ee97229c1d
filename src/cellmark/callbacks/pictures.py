"""Pictures of what is predicted while a network is trained."""

import heapq
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from cellmark.data.batch import Batch
from cellmark.data.sampling import SharedBatches
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.viz.prediction_sheet import PredictionRow, prediction_sheet

Ranked = tuple[float, int, PredictionRow]  # error, place (negative: of equal ones the first counts as worse), image
Entry = TypeVar("Entry")


class PredictionPictures(L.Callback):
    """Two sheets of validation images at epoch 1, every ``every`` epochs and at epoch ``max_epochs``.

    ``fixed`` shows the same images each time, evenly chosen over the validation set: how the network comes on.
    ``worst`` shows those whose heatmaps have the largest squared error in that epoch: where it fails. They are written
    to ``predictions/epoch-0001-fixed.png`` and so on in the run folder, and to TensorBoard where it is a logger.

    Where an epoch has several validations, the sheets show the last one. Only the images to be shown are kept, never
    those of a whole epoch. Several processes put theirs together, and the first one writes.
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
        self._shown: list[tuple[int, PredictionRow]] = []  # with their places
        self._heap: list[Ranked] = []  # the smallest error on top

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts anew, and chooses the fixed images: always the same, as validation goes in order."""
        self._shown, self._heap = [], []
        total = _batches(trainer).cuts[int(trainer.num_val_batches[0])] if self._due(trainer) else 0
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
        places = _batches(trainer).places(batch_idx)
        for index, (place, mse) in enumerate(zip(places, outputs["mse"].tolist(), strict=True)):
            badness = math.inf if math.isnan(mse) else mse
            fixed = place in self._wanted
            worst = len(self._heap) < self.worst or (self.worst > 0 and badness > self._heap[0][0])
            if fixed or worst:
                row = _row(batch, outputs, index, mse)
                if fixed:
                    self._shown.append((place, row))
                if worst:
                    push = heapq.heappush if len(self._heap) < self.worst else heapq.heappushpop
                    push(self._heap, (badness, -place, row))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Writes the sheets."""
        if not self._due(trainer):
            return
        epoch = trainer.current_epoch + 1
        fixed = [row for _, row in sorted(_of_all_processes(self._shown), key=lambda entry: entry[0])]
        ranked = sorted(_of_all_processes(self._heap), key=lambda entry: entry[:2], reverse=True)
        worst = [row for _, _, row in ranked[: self.worst]]
        for kind, rows in (("fixed", fixed), ("worst", worst)):
            if rows and trainer.is_global_zero:
                self._write(trainer, kind, epoch, prediction_sheet(rows, f"Epoch {epoch}: {kind} images", self.tile))
        self._shown, self._heap = [], []

    def _write(self, trainer: L.Trainer, kind: str, epoch: int, sheet: np.ndarray) -> None:
        write_image(Path(trainer.default_root_dir) / "predictions" / f"epoch-{epoch:04d}-{kind}.png", sheet)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                tag = f"predictions/{kind}"
                logger.experiment.add_image(tag, sheet, global_step=trainer.global_step - 1, dataformats="HWC")

    def _due(self, trainer: L.Trainer) -> bool:
        """Whether this validation is to be shown; the one after the training is not."""
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking:
            return False
        epoch = trainer.current_epoch + 1
        return epoch == 1 or epoch % self.every == 0 or epoch == trainer.max_epochs


def _batches(trainer: L.Trainer) -> SharedBatches:
    """The batches that this process validates on."""
    loaders = trainer.val_dataloaders
    loader = loaders[0] if isinstance(loaders, list) else loaders
    return cast(SharedBatches, cast(Any, loader).batch_sampler)


def _of_all_processes(entries: list[Entry]) -> list[Entry]:
    """What every process has kept; each of them must ask."""
    if not torch.distributed.is_initialized():
        return entries
    parts: list[list[Entry]] = [[] for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(parts, entries)
    return [entry for part in parts for entry in part]


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
