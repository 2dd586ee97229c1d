"""What a process of ``tests.verbs.start`` does: a verb, in a process that had imported everything before it began.

It is run with ``ARGUMENTS`` of the command line, ``OUTPUT``, a file for what it says on standard error, and ``MOMENT``:
None, or a ``tests.verbs.Moment`` as a tuple.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

from cellmark.cli.main import main
from cellmark.tasks.cells import CellTask

ARGUMENTS: list[str] = globals()["ARGUMENTS"]
OUTPUT: str = globals()["OUTPUT"]
MOMENT: tuple[int, int, int, str, bool] | None = globals()["MOMENT"]


def end_at(epoch: int, batch: int, by: int, hook: str, group: bool) -> None:
    """Sends a signal at a moment of the training, as if from outside."""
    original = getattr(CellTask, hook)

    def stepped(task: CellTask, data: object, index: int) -> object:
        answer = original(task, data, index)
        if (task.current_epoch + 1, index) == (epoch, batch):
            (os.killpg if group else os.kill)(os.getpid(), signal.Signals(by))
        return answer

    setattr(CellTask, hook, stepped)


multiprocessing.set_start_method("fork", force=True)  # of its own processes, as on the command line
os.setsid()  # a group of its own, as a terminal gives to a command
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
os.dup2(os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
if MOMENT is not None:
    end_at(*MOMENT)
sys.path.insert(0, str(Path(__file__).parents[1]))  # callbacks of a test are named as ``tests.``
sys.argv = ["cellmark", *ARGUMENTS]
main()
