"""A further process of a training on several devices: takes the config from its standard input and joins.

No verb: ``cellmark train`` starts it, see ``cellmark.runs.other_process``.
"""

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import traceback
import warnings

from omegaconf import DictConfig, OmegaConf

from cellmark.errors import CellmarkError

LONGEST = 8000  # characters: a report fits into the buffer of a pipe, as nobody reads it before this process has ended


def main() -> None:
    """Trains; what there is to tell of a training, the first process tells."""
    _ignore_signals()
    pipe = _pipe_of_reports()
    line = _first_line()
    if not line:  # the first process was interrupted
        sys.exit(1)
    threading.Thread(target=_leave_with_the_first, daemon=True).start()
    try:
        _train(OmegaConf.create(json.loads(line)))
    except Exception as error:
        os.write(pipe, json.dumps(_report(error), ensure_ascii=False).encode(errors="replace") + b"\n")
        _leave()


def _train(config: DictConfig) -> None:
    from cellmark.cli.configs import register_resolvers  # takes seconds, in which the first process may end already
    from cellmark.cli.job import quiet_libraries
    from cellmark.cli.train import train

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    register_resolvers()
    quiet_libraries()
    train(config)


def _ignore_signals() -> None:
    """Those that reach every process of a terminal or of a job are for the first one to answer, which ends this one."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def _pipe_of_reports() -> int:
    """Standard output is the way to the first process; what is printed here goes to standard error instead."""
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def _first_line() -> bytes:
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
        line: bytes = pipe.readline()
    return line if line.endswith(b"\n") else b""


def _leave_with_the_first() -> None:
    """The first process writes when it wants this one to end; the pipe is closed when it has ended itself."""
    os.read(sys.stdin.fileno(), 1)
    _leave()


def _leave() -> None:
    """Ends this process at once: Python's own way takes seconds, and the first one waits to know."""
    for loader in multiprocessing.active_children():
        loader.kill()
    sys.stderr.flush()
    os._exit(1)


def _report(error: Exception) -> dict[str, object]:
    text = "".join(traceback.format_exception(error))
    content = {"error": type(error).__name__, "message": str(error)[:LONGEST], "traceback": text[-LONGEST:]}
    return content | {"expected": isinstance(error, CellmarkError)}


if __name__ == "__main__":
    main()
