"""Trains the classifier of cells, the reader's second look: `python scripts/reader_classifier.py DATA [TARGET]`."""

import argparse
import logging
import sys
from pathlib import Path

import cv2
import lightning as L
from lightning.pytorch.callbacks import RichProgressBar
from torch.utils.data import DataLoader

from cellmark.callbacks.energy import Energy
from cellmark.data.annotations import VISIBILITY, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.records import Folder
from cellmark.data.rectified import Labelled, RectifiedCodes
from cellmark.data.sampling import EpochSampler
from cellmark.errors import CellmarkError
from cellmark.models.classifier import CellClassifier
from cellmark.reading.weights import CLASSIFIER, save_classifier
from cellmark.tasks.classifier import ClassifierTask

BATCH, WORKERS = 16, 2


def main() -> None:
    """Reads the arguments, trains, writes the weights."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("data", type=Path, help="of cellmark dataset_synth; as for experiment=reader")
    arguments.add_argument("target", type=Path, nargs="?", default=CLASSIFIER, help=f"default: {CLASSIFIER}")
    arguments.add_argument("--epochs", type=int, default=4)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--val-folder", default="12_mixed", help="not learnt from")
    arguments.add_argument(
        "--output", type=Path, default=Path("outputs/reader_classifier"), help="for the energy report"
    )
    options = arguments.parse_args()
    try:
        train(options.data, options.val_folder, options.epochs, options.seed, options.output, options.target)
    except CellmarkError as error:
        sys.exit(f"error: {error}")


def train(data: Path, val_folder: str, epochs: int, seed: int, output: Path, target: Path) -> dict[str, float]:
    """One training; the last weights are the best ones of a cycle.

    Returns:
        The metrics of its end.

    Raises:
        CellmarkError: the data has problems, or no such folder to validate on, or no codes.
    """
    L.seed_everything(seed, verbose=False)
    folders = load_root(data, resolve_visibility(VISIBILITY, ["black", "white"]), cache=True)
    held = [folder for folder in folders if folder.name == val_folder]
    others = [folder for folder in folders if folder.name != val_folder]
    if not held or not others:
        there = ", ".join(folder.name for folder in folders)
        raise CellmarkError(f"{data}: folder {val_folder} and others to learn from are needed; there are {there}")
    trainer = L.Trainer(
        max_epochs=epochs,
        gradient_clip_val=1.0,
        default_root_dir=output,
        callbacks=[Energy(), RichProgressBar()],
        logger=False,
        deterministic=True,
        enable_checkpointing=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    task = ClassifierTask(CellClassifier())
    output.mkdir(parents=True, exist_ok=True)
    trainer.fit(task, _loader(others, seed, augment=True), _loader(held, seed, augment=False))
    save_classifier(task.network.cpu().eval(), target)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    print(*(f"{name} {value:.4f}" for name, value in metrics.items()), f"-> {target}", sep="  ")
    return metrics


def _loader(folders: list[Folder], seed: int, augment: bool) -> DataLoader[Labelled]:
    codes = RectifiedCodes(folders, seed, augment)
    if not len(codes):
        raise CellmarkError(f"{', '.join(f.name for f in folders)}: no code whose rows and columns are known")
    cv2.setNumThreads(1)  # OpenCV's threads do not survive the fork: a worker would hang
    return DataLoader(
        codes,
        BATCH,
        sampler=EpochSampler(len(codes), seed, shuffle=augment),
        num_workers=WORKERS,
        persistent_workers=True,
        drop_last=augment,
    )


if __name__ == "__main__":
    main()
