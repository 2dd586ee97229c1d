"""Memory of this process and of those that it has started."""

import threading
from types import TracebackType

import psutil

EVERY = 0.5  # seconds


def resident() -> float:
    """Resident memory in MiB; pages that several of the processes share count once."""
    return sum(_share(process) for process in [psutil.Process(), *psutil.Process().children(recursive=True)]) / 2**20


def _share(process: psutil.Process) -> int:
    try:
        share: int = process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it has ended since it was listed
        return 0
    return share


class PeakMemory:
    """The most resident memory within a block, looked at twice a second.

    Attributes:
        most: in MiB.
    """

    def __init__(self) -> None:
        """Begins with what is resident now."""
        self.most = resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        """Starts to look."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Looks for a last time."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(EVERY)
            self.most = max(self.most, resident())
