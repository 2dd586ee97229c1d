"""A light U-Net decoder."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from cellmark.models.blocks import ConvBlock
from cellmark.models.scales import MAX_STRIDE, Upsampling, require_doubling


class UNetDecoder(nn.Module):
    """From the deepest map upwards: double, add the map of that level, one 3x3 convolution.

    Skips are added rather than concatenated, which halves the cost of every level. Doubling repeats pixels:
    that keeps their centres where a resize by two puts them.

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel: the backbone's finest reduction, or less with ``max_stride``.
    """

    def __init__(self, channels: Sequence[int], reductions: Sequence[int], max_stride: int = MAX_STRIDE) -> None:
        """Builds a step between each pair of neighbouring levels.

        Args:
            channels: channels of the backbone's maps, finest first.
            reductions: reductions of the backbone's maps; each twice the one before.
            max_stride: see ``Upsampling``.

        Raises:
            ValueError: a reduction is not twice the one before, or ``max_stride`` cannot be reached.
        """
        super().__init__()
        require_doubling(reductions)
        pairs = list(pairwise(channels))
        self.narrow = nn.ModuleList(ConvBlock(deep, fine, kernel=1) for fine, deep in pairs)
        self.merge = nn.ModuleList(ConvBlock(fine, fine) for fine, _ in pairs)
        self.upsample = Upsampling(channels[0], reductions[0], max_stride)
        self.out_channels = self.upsample.out_channels
        self.stride = self.upsample.stride

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        x = features[-1]
        for level in reversed(range(len(self.narrow))):
            x = functional.interpolate(self.narrow[level](x), scale_factor=2.0, mode="nearest")
            x = self.merge[level](x + features[level])
        finest: Tensor = self.upsample(x)
        return finest
