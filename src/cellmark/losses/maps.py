"""What several losses derive from the network's maps, computed once."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Self

import torch
from torch import Tensor


class Maps(Mapping[str, Tensor]):
    """The named maps of one forward pass; the sigmoid of the heatmap is computed when first asked for, and kept.

    Every loss reads its heatmap through ``Maps.of(outputs)``: handed plain maps it wraps them, handed those that
    ``WeightedSum`` has wrapped already, it shares them with the other losses.
    """

    def __init__(self, maps: Mapping[str, Tensor]) -> None:
        """Wraps maps (B, K, h, w) by name."""
        self._maps = maps

    @classmethod
    def of(cls, outputs: Mapping[str, Tensor]) -> Self:
        """``outputs`` itself where it is wrapped already."""
        return outputs if isinstance(outputs, cls) else cls(outputs)

    @cached_property
    def logits(self) -> Tensor:
        """The heatmap before the sigmoid, (B, C, h, w), in at least single precision."""
        return at_least_single(self._maps["heatmap"])

    @cached_property
    def probabilities(self) -> Tensor:
        """The heatmap after the sigmoid, (B, C, h, w) in 0..1."""
        return self.logits.sigmoid()

    def __getitem__(self, name: str) -> Tensor:
        """The map of that name as the network gave it."""
        return self._maps[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the maps."""
        return iter(self._maps)

    def __len__(self) -> int:
        """Number of maps."""
        return len(self._maps)


def at_least_single(tensor: Tensor) -> Tensor:
    """Half-precision tensors as float32, others as they are: sums over a map need more than 8 bits."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
