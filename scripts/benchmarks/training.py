"""Training by the framework, beside a bare PyTorch loop and beside a plain implementation of the report."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import albumentations as A
import lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset

from benchmarks.experiments import build, composed, fit, synthetic
from benchmarks.loading import BATCH, plain_augmentation, plain_sample
from benchmarks.losses import plain_loss
from benchmarks.timing import Row
from cellmark.cli.configs import register_resolvers
from cellmark.data.records import ImageRecord

MOST_OVER_BARE, LEAST_OVER_PLAIN = 1.05, 1.5
SMALL, SMALL_IMAGES, SMALL_EPOCHS = 128, 88, 9  # the six conditions as the README draws them
LARGE, LARGE_IMAGES, LARGE_EPOCHS = 512, 10, 4
FIXED = ["+trainer.limit_val_batches=0", "data.val_folder=0"]
REPORT = ["experiment=report", "loss=mse_focal_contrast", "augment=report"]


def rows() -> list[Row]:
    """An epoch without its validation, in ms: with loading, augmentation, logging, callbacks and checkpoints.

    The bare loop, in the same process, has the same loader, network, memory layout, targets, loss, clipping and
    optimizer, and nothing else. The plain implementation is contiguous, computes the losses map by map, and makes each
    target in the loader, point by point. Every epoch of ours is followed by one of each other.
    """
    with TemporaryDirectory() as place:
        folder = Path(place)
        synthetic(folder / "small", SMALL, SMALL_IMAGES)
        synthetic(folder / "large", LARGE, LARGE_IMAGES)
        compact = composed(folder / "compact", f"data.root={folder}/small", f"data.size=[{SMALL},{SMALL}]", *FIXED)
        report = composed(folder / "report", f"data.root={folder}/large", *REPORT, *FIXED)
        ours, bare = _in_turn(compact, [bare_epoch(compact)], SMALL_EPOCHS)
        found = [
            _row(
                f"compact U-Net, {SMALL} px, {_steps(SMALL_IMAGES)} steps, and a bare loop",
                ours,
                bare,
                1 / MOST_OVER_BARE,
            )
        ]
        with plain_process(report) as plain_epoch:
            ours, bare, plain = _in_turn(report, [bare_epoch(report), plain_epoch], LARGE_EPOCHS)
        name = f"the report's training, {LARGE} px, {_steps(LARGE_IMAGES)} steps"
        found.append(_row(f"{name}, and a bare loop", ours, bare, 1 / MOST_OVER_BARE))
        found.append(_row(f"{name}, and a plain one", ours, plain, LEAST_OVER_PLAIN))
    return found


def _steps(images: int) -> int:
    return 5 * images // BATCH  # one of six folders is held out


def _row(name: str, ours: float, other: float, gain: float) -> Row:
    return Row(f"epoch of {name}", ours, f"at most {other / gain:.0f}", other, "ms")


class Turns(L.Callback):
    """Times the epochs of a training and, after each, other work.

    Attributes:
        seconds: of each epoch, from its first callback to that of the next; then of each other work.
    """

    def __init__(self, others: Sequence[Callable[[], None]]) -> None:
        """Takes the other work."""
        self.others = others
        self.seconds: list[list[float]] = [[] for _ in range(1 + len(others))]
        self._started: float | None = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ends one epoch's time and begins that of the next."""
        if self._started is not None:
            self.seconds[0].append(time.perf_counter() - self._started)
            for work, times in zip(self.others, self.seconds[1:], strict=True):
                started = time.perf_counter()
                work()
                times.append(time.perf_counter() - started)
        self._started = time.perf_counter()


def _in_turn(config: DictConfig, others: Sequence[Callable[[], None]], epochs: int) -> list[float]:
    """Median milliseconds of an epoch, and of each other work; the first of each is not counted."""
    turns = Turns(others)
    config.trainer.max_epochs = epochs + 2  # one to warm up, one whose end nobody times
    fit(config, [turns])
    return [1e3 * statistics.median(times[1:]) for times in turns.seconds]


def bare_epoch(config: DictConfig) -> Callable[[], None]:
    """An epoch of PyTorch alone: same loader, network, layout, targets, loss, clipping and optimizer."""
    task, datamodule = build(config)
    loader, network, loss = datamodule.train_dataloader(), task.network, task.loss
    assert loss is not None and task.optimizer is not None
    optimizer, most = task.optimizer(network.parameters()), config.trainer.gradient_clip_val

    def epoch() -> None:
        for batch in loader:
            targets = task.targets(batch)
            _step(loss(network(batch.images), targets), network, optimizer, most)

    return epoch


class PlainDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images and heatmaps as the report made them."""

    def __init__(self, records: Sequence[ImageRecord], compose: A.Compose) -> None:
        """Takes the pictures and their augmentation."""
        self.records, self.compose = records, compose

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One sample."""
        return plain_sample(self.records[index], self.compose)


@contextmanager
def plain_process(config: DictConfig) -> Iterator[Callable[[], None]]:
    """A process that trains an epoch the plain way whenever it is told to; its memory is handled as usual."""
    context = get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_train_plainly, args=(config, its))
    process.start()
    its.close()

    def epoch() -> None:
        ours.send(True)
        ours.recv()

    try:
        yield epoch
    finally:
        ours.send(False)
        process.join()


def _train_plainly(config: DictConfig, told: Connection) -> None:
    """An epoch for each true word."""
    register_resolvers()
    task, datamodule = build(config)
    network = task.network.to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.AdamW(network.parameters(), config.optimizer.lr, weight_decay=config.optimizer.weight_decay)
    dataset = PlainDataset([record for _, record in datamodule.dataset("train").records], plain_augmentation("report"))
    workers: Any = {"num_workers": config.data.num_workers, "persistent_workers": True}
    loader = DataLoader(dataset, BATCH, shuffle=True, drop_last=True, **workers)
    while told.recv():
        for images, heatmaps in loader:
            loss = plain_loss(network(images)["heatmap"], heatmaps)
            _step(loss, network, optimizer, config.trainer.gradient_clip_val)
        told.send(True)


def _step(loss: Tensor, network: torch.nn.Module, optimizer: torch.optim.Optimizer, most: float) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(network.parameters(), most)
    optimizer.step()
