"""A row of the benchmark's table, and the stopwatch."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One figure beside its baseline.

    Attributes:
        what: was measured.
        ours: the figure, in ``unit``.
        limit: what it must reach, in words, for instance "at most 12"; empty where nothing is asked.
        baseline: the figure of the straightforward implementation, in ``unit``.
        unit: ``ms`` (less is better) or ``/s`` (more is better).
    """

    what: str
    ours: float
    limit: str
    baseline: float
    unit: str

    def gain(self) -> float:
        """How many times better than the baseline."""
        return self.ours / self.baseline if self.unit == "/s" else self.baseline / self.ours


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall-clock time of ``work``, after one run to warm up where there are several."""
    times = []
    for _ in range(repeats + (repeats > 1)):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times[repeats > 1 :])


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median wall-clock time of each, in milliseconds; they take turns, so that what else the machine does hits all."""
    times = [[milliseconds(work, 1) for work in works] for _ in range(repeats + 1)]
    return [statistics.median(each) for each in zip(*times[1:], strict=True)]
