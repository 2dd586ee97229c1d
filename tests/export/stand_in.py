"""A network whose maps a test chooses: they are the first two channels of its pictures."""

import torch
from torch import Tensor

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.network import MapNetwork
from cellmark.tasks.checkpoint import Model


class Shown(MapNetwork):
    """Gives the logits that make red and green the heatmap, at the stride 1."""

    def __init__(self) -> None:
        super().__init__()
        self.channels, self.stride = {"heatmap": 2}, 1

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"heatmap": torch.logit(images[:, :2])}


def shown(threshold: float = 0.3) -> Model:
    return Model(
        Shown().eval(), GaussianCodec(threshold=threshold), ("black", "white"), {1: "white", 2: "black"}, (64, 64)
    )
