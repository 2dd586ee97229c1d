"""Which samples come when, and in which process: the same for the same seed, whatever the number of workers."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler

from cellmark.errors import CellmarkError

Key = tuple[int, int]  # epoch and index: all randomness of a sample hangs on these two and the seed


class EpochSampler(Sampler[Key]):
    """Yields ``(epoch, index)``; shuffled anew each epoch, the same way for the same seed."""

    def __init__(self, length: int, seed: int = 0, shuffle: bool = False, epoch: int = 0) -> None:
        """Samples ``range(length)``, beginning with ``epoch``."""
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """The trainer calls this before every epoch, also after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of samples in an epoch."""
        return self.length

    def __iter__(self) -> Iterator[Key]:
        """The keys of the current epoch."""
        order: Sequence[int] = range(self.length)
        if self.shuffle:
            state = int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0])
            order = torch.randperm(self.length, generator=torch.Generator().manual_seed(state)).tolist()
        return iter([(self.epoch, index) for index in order])


class SharedBatches(Sampler[list[Key]]):
    """The batches of one of several processes.

    The order of samples is cut into steps of ``batch_size`` samples for each process, so a step of all processes is the
    batch that a single one with a batch as large would have. Every sample is in one process only, and every process
    has as many batches, as collective operations need it.
    """

    def __init__(
        self, sampler: EpochSampler, batch_size: int, drop_last: bool = False, rank: int = 0, processes: int = 1
    ) -> None:
        """Takes the order of all samples.

        Args:
            sampler: the order; the trainer tells it the epoch.
            batch_size: samples of a batch, that is of one process.
            drop_last: leave out a last step that is not whole, where there is a whole one.
            rank: which of the processes.
            processes: their number.

        Raises:
            CellmarkError: there are fewer samples than processes.
        """
        if len(sampler) < processes:
            raise CellmarkError(f"{len(sampler)} images cannot be shared out among {processes} processes")
        self.sampler, self.rank, self.processes = sampler, rank, processes
        self.cuts = _cuts(len(sampler), batch_size * processes, processes, drop_last)

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.cuts) - 1

    def __iter__(self) -> Iterator[list[Key]]:
        """The batches of the current epoch."""
        keys = list(self.sampler)
        for batch in range(len(self)):
            yield [keys[place] for place in self.places(batch)]

    def places(self, batch: int) -> range:
        """Where the samples of a batch stand in the order of all."""
        return range(self.cuts[batch] + self.rank, self.cuts[batch + 1], self.processes)


def _cuts(length: int, step: int, least: int, drop_last: bool) -> list[int]:
    """Where steps begin, and where the last one ends: each has ``step`` samples, the last one at least ``least``."""
    whole, rest = divmod(length, step)
    cuts = [step * number for number in range(whole + 1)]
    if drop_last and whole:
        return cuts
    if rest >= least:
        cuts.append(length)
    elif rest:  # too few for a sample in each process: they go with the step before
        cuts[-1] = length
    return cuts
