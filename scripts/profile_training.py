"""Where the time and the memory of a training go: ``python scripts/profile_training.py [key=value of the verb ...]``.

The keys are those of ``cellmark train``. Without data.root it draws pictures of data.size itself and holds the first of
six folders out; data.root=FOLDER needs data.val_folder=NAME, as the verb does. Everything that the config asks for
takes part: augmentation, loading processes, metrics, loggers, callbacks. The first epoch is not counted.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import lightning as L
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.experiments import build, composed, fit, synthetic
from benchmarks.memory import PeakMemory, resident
from benchmarks.stages import FRAMEWORK, STAGES, TRAINING, VALIDATION, StageTimes
from benchmarks.timing import milliseconds
from cellmark.data.batch import collate
from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.dataset import load_sample
from cellmark.data.generate.dataset import SMALLEST_SIZE
from cellmark.errors import CellmarkError

LOADED = 24  # samples whose loading is timed on its own


class Epoch(NamedTuple):
    """What an epoch took, with its validation; MiB that were resident at its end."""

    seconds: float
    memory: float


class Epochs(L.Callback):
    """Takes down every epoch, and the stages of all but the first.

    Attributes:
        found: the epochs.
        stages: seconds by phase and stage.
        images: of an epoch of each phase.
    """

    def __init__(self, times: StageTimes) -> None:
        """Takes the profiler of the same training."""
        self.times, self.found = times, list[Epoch]()
        self.stages: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.images: dict[str, int] = {}
        self._before: dict[tuple[str, str], float] = {}

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ends the epoch before, its checkpoints included."""
        if trainer.current_epoch > 0:
            self._end()
        self._before = dict(self.times.seconds)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ends the last epoch."""
        self._end()
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        steps = int(trainer.num_training_batches)
        self.images = {TRAINING: steps * datamodule.batch_size, VALIDATION: datamodule.counts()["val"]}

    def _end(self) -> None:
        spent = {key: seconds - self._before.get(key, 0.0) for key, seconds in self.times.seconds.items()}
        self.found.append(Epoch(sum(spent.values()), resident()))
        for key, seconds in spent.items() if len(self.found) > 1 else ():
            self.stages[key] += seconds


def main() -> None:
    """Reads the arguments, trains, and prints what it cost."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("keys", nargs="*", metavar="key=value", help="of cellmark train")
    arguments.add_argument("--epochs", type=int, default=3, help="the first is not counted (default: 3)")
    arguments.add_argument("--images", type=int, default=16, help="drawn for each of six folders (default: 16)")
    options = arguments.parse_intermixed_args()
    if options.epochs < 2:
        arguments.error("--epochs: 2 or more, as the first is not counted")
    try:
        profile(options.keys, options.epochs, options.images)
    except CellmarkError as error:
        sys.exit(f"error: {error}")


def profile(keys: Sequence[str], epochs: int, images: int) -> None:
    """Trains and prints."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        if not any(key.startswith("data.root=") for key in keys):
            size = max(composed(folder, "data.root=none", *keys).data.size)
            synthetic(folder / "data", max(size, SMALLEST_SIZE), images)
            keys = [f"data.root={folder}/data", "data.val_folder=0", *keys]
        config = composed(folder / "run", *keys)
        config.trainer.max_epochs = epochs
        loading = loading_times(build(config)[1])
        times = StageTimes()
        taken = Epochs(times)
        with PeakMemory() as peak:
            fit(config, [taken], times)
    console = Console()
    console.print(loading_table(loading, config.data.num_workers))
    console.print(stage_table(taken, epochs - 1))
    console.print(epoch_table(taken))
    measured = sum(taken.stages[VALIDATION, stage] for stage in ("decode", "metrics"))
    console.print(f"validation metrics: {measured / sum(taken.stages.values()):.1%} of an epoch")
    console.print(f"most memory at once: {peak.most:.0f} MiB, with the loading processes")
    if torch.cuda.is_available():
        console.print(f"most memory of the GPU at once: {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB")


def loading_times(datamodule: FoldersDataModule) -> dict[str, float]:
    """Milliseconds a sample that one loading process spends on each part of its work, with one thread."""
    dataset = datamodule.dataset("train")
    records = dataset.records[:LOADED]
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)

    def load() -> None:
        samples[:] = [load_sample(*record, dataset.size, dataset.visibility_to_class) for record in records]

    samples = [load_sample(*record, dataset.size, dataset.visibility_to_class) for record in records]
    parts: dict[str, Callable[[], object]] = {"read and fit": load, "collate": lambda: collate(samples)}
    if augment := datamodule.augment:
        parts["augment"] = lambda: [augment(sample, seed) for seed, sample in enumerate(samples)]
    found = {part: milliseconds(work, 5) / len(records) for part, work in parts.items()}
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])
    return found


def loading_table(loading: dict[str, float], processes: int) -> Table:
    """What loading takes."""
    table = _table(f"Loading, in {processes} processes beside the training", "ms a sample, of one process")
    for part, value in loading.items():
        table.add_row(part, f"{value:.2f}")
    return table


def stage_table(taken: Epochs, epochs: int) -> Table:
    """What the stages take; a share is that of a whole epoch."""
    table = _table("The main process", "training, ms an image", "share", "validation, ms an image", "share")
    whole = sum(taken.stages.values())
    for stage in (*STAGES, FRAMEWORK):
        row = [stage]
        for phase in (TRAINING, VALIDATION):
            seconds = taken.stages[phase, stage]
            row += [f"{1e3 * seconds / epochs / max(1, taken.images[phase]):.2f}", f"{seconds / whole:.1%}"]
        table.add_row(*row)
    return table


def epoch_table(taken: Epochs) -> Table:
    """The epochs, one by one."""
    table = _table("Epochs, with their validation", "seconds", "images/s", "MiB at the end")
    for number, epoch in enumerate(taken.found, 1):
        rate = sum(taken.images.values()) / epoch.seconds
        table.add_row(str(number), f"{epoch.seconds:.2f}", f"{rate:.1f}", f"{epoch.memory:.0f}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table("", title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right")
    return table


if __name__ == "__main__":
    main()
