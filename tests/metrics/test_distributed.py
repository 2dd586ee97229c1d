"""Every configured metric gives the same values in two processes as in one."""

import math
import os
import warnings
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import distributed, multiprocessing

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.heatmaps.targets import Targets
from tests.metrics.scenes import batch, code, sample

ROOT = Path(__file__).parents[2]
CLASSES, FOLDERS, SIZE = ["black", "white"], ["a", "b", "c"], (128, 128)
CODEC = GaussianCodec(1.5)
SHARES = {  # batches that the two processes get
    "half each": ([0, 1], [2, 3]),
    "one gets nothing": ([0, 1, 2, 3], []),
    "the other way round": ([3, 1, 0, 2], []),
    "three and one": ([2], [3, 0, 1]),
}


def make_batches():
    """Four batches of 1 to 3 images with one or two codes, and noisy predictions with a missed code and false peaks."""
    rng, batches = np.random.default_rng(0), []
    for number, count in enumerate((2, 3, 1, 2)):
        samples = []
        for k in range(count):
            codes = [code(rng, 6, 6, 7.0, (12.0, 10.0)), code(rng, 4, 7, 6.0, (64.0, 78.0))][: 1 + k % 2]
            samples.append(sample(codes, FOLDERS[(number + k) % 3], 10 * number + k, SIZE))
        truth = batch(*samples)
        shown = truth.points + torch.from_numpy(rng.normal(0, 0.8, truth.points.shape)).float()
        seen = torch.where(torch.from_numpy(rng.random(truth.labels.shape) < 0.93), truth.labels, -1)
        shown[:, 0] = torch.tensor([110.0, 10.0])
        if number == 0:
            seen[truth.places[..., 0] == 1] = -1
        heatmap = CODEC.encode(truth.points, truth.labels, truth.pitch, SIZE, 1, 2)
        noise = torch.from_numpy(rng.random(heatmap.shape)).float()
        predicted = 0.7 * CODEC.encode(shown, seen, truth.pitch, SIZE, 1, 2) + 0.25 * noise
        batches.append((predicted, CODEC.decode(predicted, 1), Targets(heatmap, truth, 1)))
    return batches


def values_of(batches):
    """All values of all metrics of the config."""
    values = {}
    for make in instantiate(OmegaConf.load(ROOT / "conf/metrics/default.yaml")).values():
        metric = make(classes=CLASSES, folders=FOLDERS)
        for one in batches:
            metric.update(*one)
        values |= {key: value.item() for key, value in metric.compute().items()}
    return values


def work(rank, folder):
    """One of the two processes: all shares in turn."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    try:
        batches = make_batches()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*before the ``update``")  # a process without data
            found = {name: values_of([batches[k] for k in shares[rank]]) for name, shares in SHARES.items()}
        torch.save(found, folder / f"{rank}.pt")
        distributed.barrier()  # neither leaves while the other one still talks to it
    finally:
        distributed.destroy_process_group()
    # gloo's threads may abort a process that shuts its interpreter down: github.com/pytorch/pytorch/pull/179291
    os._exit(0)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each process computed, by name of the share."""
    folder = tmp_path_factory.mktemp("processes")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # the new processes import this module by its name
        context = multiprocessing.get_context("spawn")
        processes = [context.Process(target=work, args=(rank, folder)) for rank in (0, 1)]
        for process in processes:
            process.start()
    try:
        for process in processes:
            process.join(timeout=120)
        assert [process.exitcode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
def test_two_processes_agree_with_one(found, share):
    expected = values_of(make_batches())
    assert {"mse", "ap", "pck", "cell_f1_25", "loc_error_px", "coco_ap", "coco_ap_50/b"} <= set(expected)
    for one in found:
        assert one[share] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_the_scene_is_no_trivial_one():
    values = values_of(make_batches())
    assert not any(math.isnan(value) for value in values.values())
    assert all(0 < values[name] < 1 for name in ("ap", "pck", "cell_f1_25", "coco_ap", "coco_ap_50"))
