"""Parts of a training that only tests need, named in its config."""

import os
import signal
from pathlib import Path

import lightning as L
from torch import nn


class PlainBackbone(nn.Module):
    """Without BatchNorm, which takes its statistics from the share of one process."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.channels, self.reductions = [width], [2]
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, stride=2, padding=1), nn.Tanh(), nn.Conv2d(width, width, 3, padding=1), nn.Tanh()
        )

    def forward(self, images):
        return [self.layers(images)]


class PlainDecoder(nn.Module):
    """The only map of the backbone, as it is."""

    def __init__(self, channels, reductions) -> None:
        super().__init__()
        self.out_channels, self.stride = channels[0], reductions[0]

    def forward(self, features):
        return features[0]


class Seen(L.Callback):
    """Writes which images each process gets: a line for each batch, ``train 0 3 fold1/002.png,...``."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def tell(self, trainer, stage, batch, number):
        names = ",".join(f"{folder}/{path.name}" for folder, path in zip(batch.folders, batch.paths, strict=True))
        self.folder.mkdir(exist_ok=True)
        with (self.folder / f"{trainer.global_rank}.txt").open("a") as file:
            file.write(f"{stage} {trainer.current_epoch} {number} {names}\n")

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.tell(trainer, "train", batch, batch_idx)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        self.tell(trainer, trainer.state.fn.value, batch, batch_idx)


class Trouble(L.Callback):
    """In the second step of the second epoch something goes wrong, by its name; ``none`` is nothing.

    ``error`` and ``killed`` happen to the second process; the name of a signal is what the first one gets.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) != (1, 1):
            return
        if trainer.global_rank == 1 and self.kind == "error":
            raise IndexError("the disk is full")
        if trainer.global_rank == 1 and self.kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if trainer.global_rank == 0 and self.kind in signal.Signals.__members__:
            os.kill(os.getpid(), signal.Signals[self.kind])
