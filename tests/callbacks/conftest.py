"""One tiny training with every callback, shared by all tests of this folder."""

import os
import threading
from typing import NamedTuple

import pytest

from cellmark.callbacks import pictures
from cellmark.cli.train import Training
from cellmark.viz.prediction_sheet import PredictionRow
from tests.callbacks.short import short, threads_left


class Run(NamedTuple):
    """What is left: the run, title and rows of each sheet that was drawn, new files here, threads that did not end."""

    done: Training
    drawn: list[tuple[str, list[PredictionRow]]]
    new_files: set[str]
    threads: set[threading.Thread]


@pytest.fixture(scope="package")
def run(tmp_path_factory, plain_root) -> Run:
    """Four epochs; sheets every third, checkpoints every second."""
    drawn = []

    def recording(rows, title, tile):
        drawn.append((title, list(rows)))
        return draw(rows, title, tile)

    draw, files, threads = pictures.prediction_sheet, set(os.listdir()), set(threading.enumerate())
    settings = ["trainer.max_epochs=4", "callbacks.every_epochs.every_n_epochs=2", "callbacks.curves.every=3"]
    settings += [f"callbacks.pictures.{key}" for key in ("every=3", "fixed=3", "worst=2", "tile=120")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "prediction_sheet", recording)
        done = short(plain_root, tmp_path_factory.mktemp("run") / "a", *settings)
    return Run(done, drawn, set(os.listdir()) - files, threads_left(threads))
