"""Which process gets which sample, for any number of samples, processes and samples of a batch."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler

from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.sampling import EpochSampler, SharedBatches
from cellmark.errors import CellmarkError

PROCESSES, BATCH_SIZES, LENGTHS = st.integers(1, 7), st.integers(1, 9), st.integers(0, 90)


def shares_of(sampler, batch_size, processes, drop_last):
    """The batches of each process."""
    return [list(SharedBatches(sampler, batch_size, drop_last, rank, processes)) for rank in range(processes)]


@given(extra=LENGTHS, batch_size=BATCH_SIZES, processes=PROCESSES, drop_last=st.booleans(), shuffle=st.booleans())
def test_every_sample_is_in_one_process_once(extra, batch_size, processes, drop_last, shuffle):
    sampler, step = EpochSampler(processes + extra, 5, shuffle, epoch=2), batch_size * processes
    shares = shares_of(sampler, batch_size, processes, drop_last)
    counts = {len(batches) for batches in shares} | {len(SharedBatches(sampler, batch_size, drop_last, 0, processes))}
    assert len(counts) == 1 and counts.pop() > 0
    sizes = [[len(batch) for batch in batches] for batches in shares]
    assert min(map(min, sizes)) >= 1 and max(map(max, sizes)) <= batch_size + 1
    assert all({size[k] for size in sizes} == {batch_size} for k in range(len(sizes[0]) - 1))
    seen = sorted(key for batches in shares for batch in batches for key in batch)
    assert len(set(seen)) == len(seen) and set(seen) <= set(sampler)
    left_out = len(sampler) - len(seen)
    if drop_last and len(sampler) >= step:
        assert left_out == len(sampler) % step
    else:
        assert left_out == 0


@given(extra=LENGTHS, batch_size=BATCH_SIZES, processes=PROCESSES, drop_last=st.booleans())
def test_a_step_of_all_processes_is_a_batch_of_one(extra, batch_size, processes, drop_last):
    """All but a last one that has too few samples for every process: they go with the step before."""
    sampler = EpochSampler(processes + extra, 1, shuffle=True)
    shares, (alone,) = (
        shares_of(sampler, batch_size, processes, drop_last),
        shares_of(sampler, batch_size * processes, 1, drop_last),
    )
    steps = [sorted(key for batch in step for key in batch) for step in zip(*shares, strict=True)]
    if len(steps) < len(alone):
        assert len(alone[-1]) < processes
        alone[-2:] = [alone[-2] + alone[-1]]
    assert steps == [sorted(batch) for batch in alone]


@given(length=st.integers(1, 90), batch_size=BATCH_SIZES, drop_last=st.booleans())
def test_one_process_has_the_batches_of_torch(length, batch_size, drop_last):
    sampler = EpochSampler(length, 3, shuffle=True)
    expected = list(BatchSampler(sampler, batch_size, drop_last)) or [list(sampler)]  # one that is not whole, if alone
    batches = SharedBatches(sampler, batch_size, drop_last)
    assert list(batches) == expected and len(batches) == len(expected)


@given(extra=LENGTHS, batch_size=BATCH_SIZES, processes=PROCESSES, drop_last=st.booleans())
def test_places_tell_where_samples_stand(extra, batch_size, processes, drop_last):
    sampler = EpochSampler(processes + extra)
    for rank in range(processes):
        batches = SharedBatches(sampler, batch_size, drop_last, rank, processes)
        for number, batch in enumerate(batches):
            assert [index for _, index in batch] == list(batches.places(number))


@given(length=st.integers(0, 6), processes=PROCESSES)
def test_fewer_samples_than_processes_are_refused(length, processes):
    if length < processes:
        with pytest.raises(CellmarkError, match=f"{length} images cannot be shared out among {processes} processes"):
            SharedBatches(EpochSampler(length), 2, processes=processes)


@pytest.mark.parametrize("split", ["train", "val"])
def test_the_loaders_refuse_them_too(plain_root, split):
    data = FoldersDataModule(str(plain_root), ["black", "white"], val_folder="fold0", num_workers=0)
    data.setup("fit")
    images = data.counts()[split]
    data.trainer = SimpleNamespace(global_rank=0, world_size=images + 1, overfit_batches=0)
    with pytest.raises(CellmarkError, match=f"{images} images cannot be shared out among {images + 1} processes"):
        getattr(data, f"{split}_dataloader")()
    data.trainer.world_size = images
    assert len(getattr(data, f"{split}_dataloader")()) == 1


def test_each_epoch_is_shuffled_anew_in_all_processes():
    samplers = [EpochSampler(40, 9, shuffle=True) for _ in range(2)]
    batches = [SharedBatches(sampler, 4, True, rank, 2) for rank, sampler in enumerate(samplers)]
    epochs = []
    for epoch in (0, 1):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        epochs.append([key for one in batches for batch in one for key in batch])
        assert sorted(epochs[-1]) == [(epoch, index) for index in range(40)]
    assert [index for _, index in epochs[0]] != [index for _, index in epochs[1]]
    again = EpochSampler(40, 9, shuffle=True, epoch=1)
    assert list(again) == list(samplers[0]) != list(EpochSampler(40, 8, shuffle=True, epoch=1))
