"""What the maps of a network are compared with."""

from dataclasses import dataclass

from torch import Tensor

from cellmark.data.batch import Batch


@dataclass(frozen=True)
class Targets:
    """The truth of one batch at the resolution of the network's maps.

    Attributes:
        heatmap: float32 (B, C, h, w) in 0..1, as ``GaussianCodec.encode`` renders it.
        batch: the batch itself, for losses and metrics that need the points.
        stride: input pixels per pixel of the maps.
    """

    heatmap: Tensor
    batch: Batch
    stride: int
