"""The data module: folders in, batches out."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import cv2
import lightning as L
import torch
from torch.utils.data import DataLoader

from cellmark.allocation import return_freed_memory
from cellmark.data.annotations import VISIBILITY, resolve_visibility
from cellmark.data.augment import Augment
from cellmark.data.batch import Batch, collate
from cellmark.data.check import load_root
from cellmark.data.dataset import CellDataset
from cellmark.data.fit import SMALLEST
from cellmark.data.folds import split_folders
from cellmark.data.mosaic import Mosaics, checked_shares
from cellmark.data.records import Folder
from cellmark.data.sampling import EpochSampler, SharedBatches
from cellmark.errors import CellmarkError


class FoldersDataModule(L.LightningDataModule):
    """A folder of folders, one of them held out for validation (and one more for the test, if wanted).

    Attributes:
        first_epoch: where a resumed run begins. Workers load ahead as soon as there is an iterator, which is before the
            trainer tells the epoch.
    """

    def __init__(
        self,
        root: str,
        classes: Sequence[str],
        size: Sequence[int] = (256, 256),
        val_folder: str | int | None = None,
        train_folders: Sequence[str | int] | None = None,
        test_folder: str | int | None = None,
        visibility_to_class: Mapping[Any, str | None] | None = None,
        batch_size: int = 8,
        num_workers: int = 2,
        seed: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        augment: Augment | None = None,
        mosaic: Mapping[int, float] | None = None,
    ) -> None:
        """Takes the configuration; files are read in ``setup``.

        Args:
            root: the folder of folders, each with images and an ``annotations.json``.
            classes: name of each class.
            size: height and width of the network's input; images are fitted into it.
            val_folder: name or index of the folder to validate on; needed to train.
            train_folders: names or indices of the folders to train on; all others by default.
            test_folder: name or index of the folder to test on; for a test alone, every folder by default.
            visibility_to_class: COCO's v to the name of a class, or to None for "not labelled".
            batch_size: images per batch.
            num_workers: loading processes; the samples do not depend on it.
            seed: of the order of the samples and of their augmentation.
            on_error: ``raise`` refuses data with problems, ``skip`` leaves out the bad records and logs them.
            augment: applied to training samples.
            mosaic: share of training samples that are mosaics of 2 x 2, 4 x 4, ... samples: ``{2: 0.2, 4: 0.1}``.
        """
        super().__init__()
        self.root, self.classes, self.on_error = root, list(classes), on_error
        self.size = (int(size[0]), int(size[1]))
        self.val_folder, self.train_folders, self.test_folder = val_folder, train_folders, test_folder
        names = VISIBILITY if visibility_to_class is None else visibility_to_class
        self.visibility = resolve_visibility(names, self.classes)
        self.visibility_to_class = {int(v): name for v, name in names.items()}
        if batch_size < 1 or num_workers < 0:
            raise CellmarkError(f"data: batch_size={batch_size}, num_workers={num_workers} cannot be")
        if min(self.size) < SMALLEST:
            raise CellmarkError(f"data.size={list(size)}: {SMALLEST} pixels or more are needed along each side")
        if isinstance(train_folders, str):
            raise CellmarkError(f"data.train_folders={train_folders}: a list is needed, as in [{train_folders}]")
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.augment, self.mosaic = augment, checked_shares(mosaic or {})
        self.folders: dict[str, list[Folder]] = {}
        self.first_epoch = 0

    def setup(self, stage: str) -> None:
        """Reads and checks the annotations; the same folders for every stage of a run."""
        if not self.folders:
            or_else = ", or skip these images with data.on_error=skip"
            found = load_root(Path(self.root), self.visibility, on_error=self.on_error, or_else=or_else, cache=True)
            taken = {folder.name for folder in found} & {*self.classes, "all"}
            if taken:
                raise CellmarkError(f"{self.root}: folder {', '.join(sorted(taken))}: metrics use that name themselves")
            self.folders = split_folders(
                found, self.val_folder, self.train_folders, self.test_folder, fit=stage in ("fit", "validate")
            )

    def folder_names(self, split: str) -> list[str]:
        """Names of the folders of ``train``, ``val`` or ``test``."""
        return [folder.name for folder in self.folders[split]]

    def counts(self) -> dict[str, int]:
        """Number of images of each split."""
        return {split: sum(len(f.images) for f in folders) for split, folders in self.folders.items()}

    def dataset(self, split: str) -> CellDataset:
        """The samples of ``train`` (augmented, without mosaics), ``val`` or ``test``."""
        augment = self.augment if split == "train" else None
        return CellDataset(self.folders[split], self.size, self.visibility, augment, self.seed)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled anew each epoch; the last incomplete batch is left out, as BatchNorm needs several images."""
        return self._loader("train")

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Batch]:
        """In order."""
        return self._loader("test")

    def _loader(self, split: str) -> DataLoader[Batch]:
        dataset, train = self.dataset(split), split == "train"
        # Workers share the cores already; and OpenCV's threads do not survive the fork: a worker would hang.
        cv2.setNumThreads(1)
        trainer = self.trainer
        rank, processes = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        shuffle = train and not (trainer and cast(Any, trainer).overfit_batches)
        sampler = EpochSampler(len(dataset), self.seed, shuffle, epoch=self.first_epoch if train else 0)
        mosaics = Mosaics(dataset, len(dataset), self.mosaic, self.seed) if train and self.mosaic else None
        loader: DataLoader[Any] = DataLoader(
            mosaics or dataset,
            batch_sampler=SharedBatches(sampler, self.batch_size, drop_last=train, rank=rank, processes=processes),
            num_workers=self.num_workers,
            collate_fn=collate,
            worker_init_fn=_begin_worker,
            generator=torch.Generator().manual_seed(self.seed),  # loading takes nothing from the network's randomness
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.num_workers > 0,
        )
        return loader


@contextmanager
def lost_loaders_told() -> Iterator[None]:
    """Within the block the death of a loading process is told as what it is.

    Raises:
        CellmarkError: one died. PyTorch notices it in the midst of anything, and its own error names no way out.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        told = "a process that loads data died, perhaps for want of memory; fewer (data.num_workers=0) need less"
        raise CellmarkError(f"{told} ({str(error).splitlines()[0].strip()})") from error


def _begin_worker(worker: int) -> None:
    """Leaves signals to the trainer, and keeps no copies of the memory that the trainer has freed.

    Ctrl-C and SIGTERM to a group of processes reach workers too, but are for the trainer to answer.
    SIGTERM is also how workers are ended at last. With any other status than 0 PyTorch would raise an error in the
    trainer, in the midst of its answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    return_freed_memory()
