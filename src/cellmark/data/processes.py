"""The same work on many items, in several processes or threads."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import TypeVar

import cv2

from cellmark.errors import CellmarkError

Job = TypeVar("Job")
Done = TypeVar("Done")

AHEAD = 4  # pieces of work for each process that are begun or wait, before whoever takes the results has come to them


def in_order(
    pool: Executor, work: Callable[[Job], Done], jobs: Iterable[Job], ahead: int
) -> Generator[Done, None, None]:
    """``pool.map`` that is never more than ``ahead`` jobs ahead of whoever takes the results: memory stays bounded.

    The first jobs are begun at once, and each further one when a result is asked for.

    Args:
        pool: of threads or processes.
        work: what each job is given to.
        jobs: drawn from by the caller's thread, while the pool is at work.
        ahead: at least 1.

    Returns:
        The results in the order of the jobs.
    """
    left = iter(jobs)
    waiting = deque(pool.submit(work, job) for job in islice(left, ahead))

    def results() -> Generator[Done, None, None]:
        for job in left:
            waiting.append(pool.submit(work, job))
            yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    return results()


def map_in_processes(
    work: Callable[[Job], Done],
    jobs: Sequence[Job],
    workers: int | None = None,
    *,
    prepare: Callable[[], None] | None = None,
    together: int | None = None,
) -> Generator[Done, None, None]:
    """``map``, in as many processes as are useful.

    Args:
        work: a function of a module, as processes are spawned; it must not depend on which process runs it.
        jobs: what it is called with.
        workers: processes; None = one for each core that may be used. With one the caller does the work itself.
        prepare: called first in each new process.
        together: jobs that are sent to a process at a time; None = up to 16, fewer where there are few jobs.

    Yields:
        The results in the order of the jobs.

    Raises:
        CellmarkError: a process died, for instance for want of memory. An error of ``work`` is raised as it is.
    """
    count = min(cores() if workers is None else workers, len(jobs))
    if count <= 1:
        yield from map(work, jobs)
        return
    size = max(1, min(16, len(jobs) // (4 * count))) if together is None else together
    parts = (jobs[start : start + size] for start in range(0, len(jobs), size))
    # spawn: a fork of a process that holds threads of other libraries may hang
    with ProcessPoolExecutor(count, get_context("spawn"), partial(_prepare, prepare)) as pool:
        try:
            with _deaf_children():
                results = in_order(pool, partial(_all, work), parts, AHEAD * count)
            yield from chain.from_iterable(results)
        except BrokenProcessPool as error:
            raise CellmarkError(
                "a working process died, perhaps for want of memory; fewer of them (workers=1) need less"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # else the end of every job is waited for, even after an error


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _all(work: Callable[[Job], Done], jobs: Sequence[Job]) -> list[Done]:
    return [work(job) for job in jobs]


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


def _prepare(further: Callable[[], None] | None) -> None:
    """Makes a worker one that takes one core, and ends when the caller does."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_caller, daemon=True).start()
    if further is not None:
        further()


def _end_with_caller() -> None:
    """A caller that is killed cannot end its workers, and they would wait for more work for ever."""
    caller = parent_process()
    if caller is not None:
        caller.join()
        os._exit(1)
