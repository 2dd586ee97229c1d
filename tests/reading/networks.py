"""Checkpoints of tiny networks that learned nothing, as a training would write them."""

from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.tasks.cells import RECIPE
from cellmark.tasks.checkpoint import make_recipe

MODEL = {
    "_target_": "cellmark.models.network.Network",
    "backbone": {"_target_": "cellmark.models.compact.CompactBackbone", "widths": [8, 16], "blocks": [0, 1]},
    "decoder": {"_target_": "cellmark.models.unet.UNetDecoder", "_partial_": True},
    "heads": {"heatmap": 2, "scale": 2},
}
CODEC = {"_target_": "cellmark.heatmaps.codec.GaussianCodec", "sigma": 1.5, "threshold": 0.4}


def content(seed: int = 0):
    """What the file holds; the network has seen some noise, so that its normalisation has statistics."""
    model = OmegaConf.create(MODEL)
    recipe = make_recipe(
        model, OmegaConf.create(CODEC), ["black", "white"], {0: None, 1: "white", 2: "black"}, [64, 96]
    )
    torch.manual_seed(seed)
    network = instantiate(model)
    for _ in range(3):
        network(torch.rand(2, 3, 32, 32))
    return {"state_dict": {f"network.{key}": value for key, value in network.state_dict().items()}, RECIPE: recipe}


def checkpoint(path: Path, seed: int = 0) -> Path:
    torch.save(content(seed), path)
    return path
