"""Verbs as the command line runs them, in this process or in one of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import lightning as L

from cellmark.cli import main as cli
from cellmark.cli.job import statuses

CHECKOUT = Path(__file__).parents[2]
QUICK = ["data.size=[64,64]", "data.num_workers=0", "backbone.widths=[8,16]", "backbone.blocks=[0,1]", "augment=none"]
QUICK += ["data.batch_size=4", "loss=mse", "trainer.max_epochs=1", "trainer.log_every_n_steps=1"]
QUICK += ["metrics.coco=null", "metrics.pck=null"]  # which take more time than all else
QUICK += [f"callbacks.{name}=null" for name in ("progress", "pictures", "curves", "pr_curves", "energy")]
PATIENCE = 100  # seconds


class Pause(L.Callback):
    """Waits to be killed, fails, or meets others, in the folds that the environment names; else does nothing."""

    def on_train_epoch_start(self, trainer, pl_module):
        here = trainer.datamodule.val_folder if trainer.current_epoch == 1 else None
        if here and here in os.environ.get("MEET_IN", "").split(","):  # all of them at the same time
            names = os.environ["MEET_IN"].split(",")
            mark(here)
            wait_for(lambda: all(marked(name) for name in names))
        if here and here in os.environ.get("FAIL_IN", "").split(","):
            raise RuntimeError("the disk is full")
        if here and here in os.environ.get("DIE_IN", "").split(","):
            os.kill(os.getpid(), signal.SIGKILL)
        if here and here in os.environ.get("PAUSE_IN", "").split(","):
            mark(here)
            time.sleep(PATIENCE)


def mark(name: str) -> None:
    """Leaves a file that says so, and which process does."""
    Path(os.environ["MARKS"], name).write_text(str(os.getpid()))


def marked(name: str) -> bool:
    return Path(os.environ["MARKS"], name).exists()


PAUSE = "+callbacks.pause._target_=tests.integration.commands.Pause"


def run(verb: str, *arguments: str) -> int:
    """Runs a verb in this process, through Hydra; its exit status."""
    statuses.clear()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with mock.patch.object(sys, "argv", ["cellmark", verb, *arguments]):
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
        finally:
            statuses.clear()
            for number, handler in before.items():
                signal.signal(number, handler)
    return 0


def start(*arguments: str, folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Starts a command in a process group of its own, as a terminal does."""
    paths = {"PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "cellmark.cli.main", *arguments],
        cwd=folder,
        env=os.environ | paths | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, process=None) -> None:
    """Waits until it is true, while a process is at work."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate(timeout=PATIENCE)
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
