"""The same work on many items, in several processes."""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import cv2

from cellmark.errors import CellmarkError

Job = TypeVar("Job")
Done = TypeVar("Done")


def map_in_processes(
    work: Callable[[Job], Done], jobs: Sequence[Job], workers: int | None = None
) -> Generator[Done, None, None]:
    """``map``, in as many processes as are useful.

    Args:
        work: a function of a module, as processes are spawned; it must not depend on which process runs it.
        jobs: what it is called with.
        workers: processes; None = one for each core that may be used. With one the caller does the work itself.

    Yields:
        The results in the order of the jobs.

    Raises:
        CellmarkError: a process died, for instance for want of memory. An error of ``work`` is raised as it is.
    """
    count = min(_cores() if workers is None else workers, len(jobs))
    if count <= 1:
        yield from map(work, jobs)
        return
    # spawn: a fork of a process that holds threads of other libraries may hang
    with ProcessPoolExecutor(count, get_context("spawn"), _prepare) as pool:
        try:
            with _deaf_children():
                results = pool.map(work, jobs, chunksize=max(1, min(16, len(jobs) // (4 * count))))
            yield from results
        except BrokenProcessPool as error:
            raise CellmarkError(
                "a working process died, perhaps for want of memory; fewer of them (workers=1) need less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # else the end of every job is waited for, even after an error


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started within the block never hear of Ctrl-C, not even while they start.

    It reaches every process of a terminal, and the caller ends the others; it hears of it after the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by new processes
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """Makes a worker one that takes one core, and ends when the caller does."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_caller, daemon=True).start()


def _end_with_caller() -> None:
    """A caller that is killed cannot end its workers, and they would wait for more work for ever."""
    caller = parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
