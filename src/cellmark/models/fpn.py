"""Feature pyramid network.

Our own, for the library's (segmentation-models-pytorch 0.6) resizes with ``align_corners=True``, which stretches
the maps about their middle and moves what lies at the border by up to half a pixel at every step; it also takes
the four coarsest levels only, and leaves out the finest one, which small cells need most.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from cellmark.models.blocks import ConvBlock
from cellmark.models.scales import MAX_STRIDE, Upsampling, require_doubling


class FPNDecoder(nn.Module):
    """A top-down pyramid (Lin et al. 2017) whose levels are summed at the finest one (Kirillov et al. 2019).

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel.
    """

    def __init__(
        self, channels: Sequence[int], reductions: Sequence[int], width: int = 64, max_stride: int = MAX_STRIDE
    ) -> None:
        """Builds the pyramid over all levels.

        Args:
            channels: channels of the backbone's maps, finest first.
            reductions: reductions of the backbone's maps; each twice the one before.
            width: channels of the pyramid and of the output.
            max_stride: see ``Upsampling``.

        Raises:
            ValueError: a reduction is not twice the one before, or ``max_stride`` cannot be reached.
        """
        super().__init__()
        require_doubling(reductions)
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.climb = nn.ModuleList(_climb(width, level) for level in range(len(channels)))
        self.upsample = Upsampling(width, reductions[0], max_stride)
        self.out_channels = self.upsample.out_channels
        self.stride = self.upsample.stride

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        pyramid = self.lateral[-1](features[-1])
        total = self.climb[-1](pyramid)
        for level in reversed(range(len(features) - 1)):
            coarse = functional.interpolate(pyramid, scale_factor=2.0, mode="nearest")
            pyramid = coarse + self.lateral[level](features[level])
            total = total + self.climb[level](pyramid)
        finest: Tensor = self.upsample(total)
        return finest


def _climb(width: int, doublings: int) -> nn.Sequential:
    """From a level of the pyramid up to the finest one: a convolution before each doubling, one without any."""
    steps: list[nn.Module] = []
    for _ in range(doublings):
        steps += [ConvBlock(width, width), nn.Upsample(scale_factor=2, mode="nearest")]
    return nn.Sequential(*steps) if steps else nn.Sequential(ConvBlock(width, width))
