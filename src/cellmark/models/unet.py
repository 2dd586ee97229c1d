"""A light U-Net decoder."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from cellmark.models.blocks import ConvBlock


class UNetDecoder(nn.Module):
    """From the deepest map upwards: double, add the map of that level, one 3x3 convolution.

    Skips are added rather than concatenated, which halves the cost of every level. Doubling repeats pixels:
    that keeps their centres where a resize by two puts them.

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel: the backbone's finest reduction.
    """

    def __init__(self, channels: Sequence[int], reductions: Sequence[int]) -> None:
        """Builds a step between each pair of neighbouring levels.

        Args:
            channels: channels of the backbone's maps, finest first.
            reductions: reductions of the backbone's maps; each twice the one before.

        Raises:
            ValueError: a reduction is not twice the one before.
        """
        super().__init__()
        if any(coarse != 2 * fine for fine, coarse in pairwise(reductions)):
            raise ValueError(f"needs maps at doubling reductions, the backbone gives {list(reductions)}")
        self.out_channels = channels[0]
        self.stride = reductions[0]
        pairs = list(pairwise(channels))
        self.narrow = nn.ModuleList(ConvBlock(deep, fine, kernel=1) for fine, deep in pairs)
        self.merge = nn.ModuleList(ConvBlock(fine, fine) for fine, _ in pairs)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        x = features[-1]
        for level in reversed(range(len(self.narrow))):
            x = functional.interpolate(self.narrow[level](x), scale_factor=2.0, mode="nearest")
            x = self.merge[level](x + features[level])
        return x
