"""Verbs in processes of their own, which a test may kill. They start at once: what they need is imported before."""

import runpy
import signal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

PATIENCE = 90  # seconds
SCRIPT = Path(__file__).parent / "verb_process.py"
IMPORTED = ["cellmark.cli.main", "cellmark.cli.train", "cellmark.cli.predict", "matplotlib.backends.backend_agg"]
IMPORTED += ["codecarbon.emissions_tracker", "cellmark.metrics.average_precision", "hydra._internal.core_plugins"]

# A training of a second, with augmentation, dropout and every callback that has a state.
SMALL = ["data.size=[32,32]", "data.batch_size=4", "data.num_workers=0", "backbone.widths=[4,8]"]
SMALL += ["backbone.blocks=[0,0]", "decoder=deconv", "decoder.widths=[8]", "decoder.dropout=0.3", "loss=mse"]
SMALL += ["callbacks.progress=null", "callbacks.pictures=null", "callbacks.pr_curves=null", "callbacks.curves.every=99"]
SMALL += ["metrics.coco=null", "metrics.pck=null", "metrics.cells=null"]
SMALL += ["trainer.log_every_n_steps=1", "trainer.max_epochs=5", "logger.tensorboard=null"]


class Moment(NamedTuple):
    """When a training gets a signal: after a batch in a hook of the task."""

    epoch: int  # counted from 1
    batch: int = 0
    by: signal.Signals = signal.SIGKILL
    hook: str = "training_step"
    group: bool = False  # to all its processes, as Ctrl-C in a terminal


class Ended(NamedTuple):
    """How a verb ended."""

    status: int  # negative: the signal that killed it
    said: str  # on standard error
    group: int  # of its processes


class Started(NamedTuple):
    """A verb at work."""

    process: BaseProcess
    output: Path

    def end(self) -> Ended:
        """Waits for it."""
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, f"it never ended: {self.output.read_text()}"
        return Ended(self.process.exitcode, self.output.read_text(), self.process.pid or 0)


def start(arguments: list[str], output: Path, moment: Moment | None = None) -> Started:
    """Starts ``cellmark`` with these arguments; what it says on standard error goes into the file ``output``."""
    context = get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    told = {"ARGUMENTS": arguments, "OUTPUT": str(output), "MOMENT": moment and tuple(moment)}
    process = context.Process(target=runpy.run_path, args=(str(SCRIPT),), kwargs={"init_globals": told})
    process.start()
    return Started(process, output)


def cellmark(output: Path, *arguments: str, moment: Moment | None = None) -> Ended:
    """Runs ``cellmark`` to its end."""
    return start(list(arguments), output, moment).end()


def training(root: Path, folder: Path, *overrides: str) -> list[str]:
    """The command line of a small training."""
    return ["train", f"data.root={root}", "data.val_folder=fold0", f"output_dir={folder}", *SMALL, *overrides]
