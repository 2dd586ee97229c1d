"""A further process of a training on several devices, as the first one sees it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

from omegaconf import DictConfig, OmegaConf

from cellmark.errors import CellmarkError

MODULE = "cellmark.cli.process"


class ProcessFailed(RuntimeError):
    """Another process of a training failed with an error that only a developer can mend; its traceback is a note."""


class OtherProcess:
    """Started with the config of the run; tells why it fails, and ends when it is told to or when this one has ended.

    Attributes:
        rank: its number among the processes of this machine.
    """

    def __init__(self, rank: int, config: DictConfig, variables: dict[str, str]) -> None:
        """Starts it.

        Args:
            rank: its number, from 1.
            config: of the run.
            variables: of the environment, beside those of this process.
        """
        self.rank = rank
        modules = os.pathsep.join(path or os.getcwd() for path in sys.path)  # where callbacks of the user are found too
        with _deaf_children():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                env=os.environ | variables | {"LOCAL_RANK": str(rank), "PYTHONPATH": modules},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self._report: dict[str, str] | None = None
        with suppress(BrokenPipeError):  # it has failed already, which shows later
            self._input.write(json.dumps(OmegaConf.to_yaml(config, resolve=True)).encode() + b"\n")
            self._input.flush()

    @property
    def _input(self) -> IO[bytes]:
        return cast(IO[bytes], self._process.stdin)

    def ended(self) -> bool:
        """Whether it is no longer at work."""
        return self._process.poll() is not None

    def failed(self) -> bool:
        """Whether it has ended before it was done."""
        return bool(self._process.poll())

    def wait(self, seconds: float) -> bool:
        """Waits for its end, ``seconds`` at most; whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self.ended()

    def end(self, seconds: float) -> None:
        """Tells it to end, and after ``seconds`` makes it end."""
        with suppress(BrokenPipeError):
            self._input.write(b"\n")  # closing is not enough: loading processes hold copies of the pipe
            self._input.flush()
        with suppress(BrokenPipeError):
            self._input.close()
        if not self.wait(seconds):
            self._process.kill()
            self._process.wait()
        cast(IO[bytes], self._process.stdout).close()

    def error(self) -> Exception:
        """Why it failed, for this process to raise."""
        report, status = self.report(), self._process.poll()
        if not report:
            how = f"was killed by {signal.Signals(-status).name}" if status and status < 0 else f"ended with {status}"
            return CellmarkError(f"process {self.rank} of this training {how}")
        if report["expected"]:
            return CellmarkError(f"process {self.rank} of this training: {report['message']}")
        failed = ProcessFailed(f"process {self.rank} of this training: {report['error']}: {report['message']}")
        failed.add_note(report["traceback"])
        return failed

    def report(self) -> Any:
        """What a process that has failed told at its end: ``error``, ``message``, ``expected``, ``traceback``."""
        if self._report is None:
            text = cast(IO[bytes], self._process.stdout).readline()
            self._report = json.loads(text) if text else {}
        return self._report


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started within the block hear of Ctrl-C and SIGTERM when they ask for it, not before."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # inherited
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
