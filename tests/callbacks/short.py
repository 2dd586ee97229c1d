"""A training of a few seconds, and what tests need around it."""

import threading
import time

import lightning as L

from cellmark.cli.train import Training, train
from tests.cli.test_main import composed

FAST = ["data.size=[64,64]", "data.num_workers=0", "backbone.widths=[8,16]", "backbone.blocks=[0,1]"]
FAST += ["augment=none", "callbacks.progress=null", "trainer.log_every_n_steps=1"]
FAST += ["data.batch_size=4", "loss=mse"]


class FailAt(L.Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, epoch: int, interrupt: bool = False) -> None:
        self.epoch, self.error = epoch, KeyboardInterrupt if interrupt else RuntimeError

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == self.epoch and batch_idx == 1:
            raise self.error("the disk is full")


def short(root, folder, *overrides: str) -> Training:
    """Trains on all plain folders but the first."""
    settings = [f"data.root={root}", "data.val_folder=fold0", f"output_dir={folder}", *FAST, *overrides]
    return train(composed("train", *settings))


def threads_left(before):
    """Threads that came since ``before``, when they had two seconds to end."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and set(threading.enumerate()) - before:
        time.sleep(0.01)
    return set(threading.enumerate()) - before
