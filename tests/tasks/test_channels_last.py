"""The memory layout of the network: other speed, same numbers."""

import copy
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.data.batch import collate
from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.tasks.cells import CellTask
from tests.cli.test_main import composed
from tests.reading.networks import MODEL


def test_the_layout_does_not_change_the_maps():
    torch.manual_seed(0)
    network = instantiate(OmegaConf.create(MODEL))
    tasks = [
        CellTask(copy.deepcopy(network), GaussianCodec(), ["black", "white"], channels_last=flag)
        for flag in (False, True)
    ]
    layouts = [
        all(
            weights.is_contiguous(memory_format=layout)
            for weights in task.network.parameters()
            if weights.ndim == 4 and min(weights.shape[1:]) > 1
        )
        for task, layout in zip(tasks, (torch.contiguous_format, torch.channels_last), strict=True)
    ]
    assert layouts == [True, True]
    images = torch.rand(2, 3, 48, 40)
    plain, other = (task.network(images) for task in tasks)  # in training mode: with the statistics of the batch
    for name, maps in plain.items():
        torch.testing.assert_close(other[name], maps, atol=1e-4, rtol=0)
    for maps in (plain, other):
        (maps["heatmap"].square().mean() + maps["scale"].square().mean()).backward()
    for (name, one), two in zip(tasks[0].network.named_parameters(), tasks[1].network.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, atol=1e-4, rtol=1e-4, msg=name)


def test_it_is_pixel_by_pixel_unless_told_otherwise():
    assert composed("train", "data.root=x").task.channels_last is True
    assert composed("train", "data.root=x", "channels_last=false").task.channels_last is False


@pytest.mark.parametrize("flag", [False, True])
def test_images_are_laid_out_as_the_network(flag):
    task = CellTask(instantiate(OmegaConf.create(MODEL)), GaussianCodec(), ["black", "white"], channels_last=flag)
    task.trainer = L.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    seen = []
    task.network.register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    nothing = np.zeros((0, 2), np.float32), np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    task._predict(collate([Sample(image, *nothing, (), "a", Path("a.png"), 1)] * 2))
    (images,) = seen
    assert images.is_contiguous() is not flag
    assert images.is_contiguous(memory_format=torch.channels_last) is flag
