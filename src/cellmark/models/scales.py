"""What decoders share about scales: which pyramids they can climb, and how they get finer than the backbone."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from cellmark.models.blocks import ConvBlock

MAX_STRIDE = 2  # cells can be a few pixels wide
WIDTH = 32  # channels above the backbone's finest map, where every channel is dear


def require_doubling(reductions: Sequence[int]) -> None:
    """Refuses maps that cannot be joined by doubling.

    Args:
        reductions: input pixels per pixel of each map.

    Raises:
        ValueError: a reduction is not twice the one before.
    """
    if any(coarse != 2 * fine for fine, coarse in pairwise(reductions)):
        raise ValueError(
            f"needs maps at doubling reductions, the backbone gives {list(reductions)}; "
            "backbone.out_indices chooses among them"
        )


class Upsampling(nn.Sequential):
    """The last stage of a decoder: doubles the map until its stride is at most ``max_stride``.

    No layers where it already is. Doubling repeats pixels, as in the U-Net: no shift, no stretch.

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel.
    """

    def __init__(self, channels: int, stride: int, max_stride: int) -> None:
        """Builds two 3x3 convolutions around each doubling, at a narrow width.

        Args:
            channels: channels of the map.
            stride: input pixels per pixel of the map.
            max_stride: the coarsest stride that is good enough.

        Raises:
            ValueError: halving the stride leaves no whole number.
        """
        if max_stride < 1:
            raise ValueError(f"max_stride must be at least 1, got {max_stride}")
        steps: list[nn.Module] = []
        while stride > max_stride:
            if stride % 2:
                raise ValueError(f"max_stride {max_stride} cannot be reached, a stride of {stride} has no half")
            width = min(channels, WIDTH)
            steps += [ConvBlock(channels, width), nn.Upsample(scale_factor=2, mode="nearest"), ConvBlock(width, width)]
            channels, stride = width, stride // 2
        super().__init__(*steps)
        self.out_channels = channels
        self.stride = stride
