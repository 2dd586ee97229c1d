"""Network = backbone -> decoder -> named heads.

To add a part: write the ``nn.Module`` (a backbone has ``channels`` and ``reductions``, a decoder takes both and has
``out_channels`` and ``stride``) and a YAML file with its ``_target_`` in ``conf/backbone`` or ``conf/decoder``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PRIOR = 0.05  # what an untrained network predicts: most pixels are no cell centre (RetinaNet's initialisation)


class Backbone(Protocol):
    """What the network asks of a backbone."""

    channels: list[int]
    reductions: list[int]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> maps, finest first."""
        ...


class Decoder(Protocol):
    """What the network asks of a decoder."""

    out_channels: int
    stride: int

    def __call__(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone -> (B, out_channels, H / stride, W / stride)."""
        ...


class MapNetwork(nn.Module):
    """Images to named maps of logits: all that tasks and readers ask of a network.

    Attributes:
        channels: of each named map.
        stride: input pixels per pixel of the maps.
        on_gpu: whether it can run there.
    """

    channels: dict[str, int]
    stride: int
    on_gpu = True

    def map_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the maps for an input of that size."""
        return math.ceil(height / self.stride), math.ceil(width / self.stride)


class Network(MapNetwork):
    """Backbone, decoder and a convolution for each map; owns the ImageNet normalisation of its input.

    Attributes:
        multiple: a side that is one of it needs no rim.
        heads: the last layer of each named map.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, decoder: Callable[..., nn.Module], heads: Mapping[str, int]) -> None:
        """Joins the parts.

        Args:
            backbone: module that fulfils ``Backbone``.
            decoder: called with ``channels`` and ``reductions`` of the backbone, gives a ``Decoder``.
            heads: name and channels of each map; point tasks always have ``heatmap``.

        Raises:
            ValueError: the decoder cannot work on this backbone; the message names both.
        """
        super().__init__()
        empty = [name for name, count in heads.items() if count < 1]
        if empty:
            raise ValueError(f"model.heads: {', '.join(empty)} must have at least 1 channel")
        parts = cast(Backbone, backbone)
        try:
            built = decoder(channels=parts.channels, reductions=parts.reductions)
        except ValueError as error:
            name = getattr(decoder, "func", decoder).__name__
            base = f"{type(backbone).__name__} {getattr(backbone, 'name', '')}".rstrip()
            raise ValueError(f"decoder {name} on backbone {base}: {error}") from error
        self.backbone = backbone
        self.decoder = built
        outputs = cast(Decoder, built)
        self.stride, self.channels = outputs.stride, dict(heads)
        self.multiple = math.lcm(*parts.reductions)
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(outputs.out_channels, count, 3, padding=1) for name, count in heads.items()}
        )
        for name, head in self.heads.items():
            nn.init.normal_(cast(nn.Conv2d, head).weight, std=0.01)
            # Only the heatmap holds logits of something rare
            bias = -math.log((1 - PRIOR) / PRIOR) if name == "heatmap" else 0.0
            nn.init.constant_(cast(Tensor, head.bias), bias)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Predicts the maps.

        Args:
            images: (B, 3, H, W) in 0..1, of any size: the rim is repeated up to what the backbone can halve.

        Returns:
            ``{name: (B, K, ceil(H / stride), ceil(W / stride))}`` logits.
        """
        height, width = images.shape[-2:]
        rim = (0, -width % self.multiple, 0, -height % self.multiple)
        x = (images - self.mean) / self.std
        if any(rim):
            x = functional.pad(x, rim, mode="replicate")
        x = self.decoder(self.backbone(x))
        rows, columns = self.map_size(height, width)
        return {name: head(x)[..., :rows, :columns] for name, head in self.heads.items()}
