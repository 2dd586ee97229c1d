"""Decoders of segmentation-models-pytorch, where they are sound under our pixel convention or can be made so.

The library writes its encoders' maps with the picture itself first; ours begin with the first map. Its U-Net++
doubles by repeating pixels, which is sound. Its DeepLabV3+ resizes with ``align_corners=True``, which stretches
the map about its middle: that one layer is replaced. Its FPN does so inside its ``forward``: see ``fpn.py``.
"""

from collections.abc import Sequence

from segmentation_models_pytorch.decoders.deeplabv3.decoder import DeepLabV3PlusDecoder as LibraryDeepLabV3Plus
from segmentation_models_pytorch.decoders.unetplusplus.decoder import UnetPlusPlusDecoder as LibraryUNetPlusPlus
from torch import Tensor, nn

from cellmark.models.scales import MAX_STRIDE, Upsampling, require_doubling

UNUSED = 1  # channels of what the library asks for and never uses
DETAIL = 4  # reduction of the map that DeepLabV3+ takes its details from (Chen et al. 2018)
CONTEXT = 16  # reduction that its dilation rates are meant for


class UNetPlusPlusDecoder(nn.Module):
    """U-Net with densely connected skips (Zhou et al. 2018).

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        widths: Sequence[int] = (32, 64, 128, 256),
        max_stride: int = MAX_STRIDE,
    ) -> None:
        """Builds the library's blocks but for the last, which doubles once more without a skip.

        Args:
            channels: channels of the backbone's maps, finest first.
            reductions: reductions of the backbone's maps; each twice the one before.
            widths: channels of the decoded maps, finest first; a backbone with fewer levels uses the first ones.
            max_stride: see ``Upsampling``.

        Raises:
            ValueError: the levels do not double, are too few or too many, or ``max_stride`` cannot be reached.
        """
        super().__init__()
        require_doubling(reductions)
        steps = len(channels) - 1
        if not 1 <= steps <= len(widths):
            raise ValueError(
                f"decoder.widths {list(widths)} are for 2 to {len(widths) + 1} maps, "
                f"the backbone gives {len(channels)} at reductions {list(reductions)}"
            )
        self.dense = LibraryUNetPlusPlus(
            encoder_channels=[UNUSED, *channels],
            decoder_channels=[*reversed(widths[:steps]), UNUSED],
            n_blocks=len(channels),
        )
        self.dense.blocks[f"x_0_{steps}"] = nn.Identity()
        self.upsample = Upsampling(widths[0], reductions[0], max_stride)
        self.out_channels = self.upsample.out_channels
        self.stride = self.upsample.stride

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        finest: Tensor = self.upsample(self.dense([features[0], *features]))
        return finest


class DeepLabV3PlusDecoder(nn.Module):
    """Dilated convolutions on the deepest map, joined with the details at reduction 4 (Chen et al. 2018).

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        width: int = 128,
        rates: Sequence[int] = (6, 12, 18),
        dropout: float = 0.1,
        max_stride: int = MAX_STRIDE,
    ) -> None:
        """Builds the library's decoder and corrects it.

        Args:
            channels: channels of the backbone's maps, finest first.
            reductions: reductions of the backbone's maps.
            width: channels inside the decoder.
            rates: three dilation rates at reduction 16; scaled to the deepest map, they see the same of the picture.
            dropout: probability of dropping a value after the dilated convolutions.
            max_stride: see ``Upsampling``.

        Raises:
            ValueError: no map at reduction 4, none deeper, or not three rates.
        """
        super().__init__()
        if DETAIL not in reductions or reductions[-1] <= DETAIL or reductions[-1] % DETAIL:
            raise ValueError(
                f"needs a map at reduction {DETAIL} and one at a multiple of it, the backbone gives {list(reductions)}"
            )
        if len(rates) != 3:
            raise ValueError(f"decoder.rates must be three dilation rates, got {list(rates)}")
        deepest = reductions[-1]
        self.level = list(reductions).index(DETAIL)
        self.fused = LibraryDeepLabV3Plus(
            encoder_channels=[UNUSED, UNUSED, channels[self.level], channels[-1]],
            encoder_depth=3,
            out_channels=width,
            atrous_rates=[max(1, round(rate * CONTEXT / deepest)) for rate in rates],
            output_stride=16,
            aspp_separable=True,
            aspp_dropout=dropout,
        )
        self.fused.up = nn.Upsample(scale_factor=deepest // DETAIL, mode="bilinear", align_corners=False)
        # The mean of the picture is one pixel: BatchNorm cannot train on that with a batch of one image.
        self.fused.aspp[0].convs[-1][2] = nn.GroupNorm(1, width)
        self.upsample = Upsampling(width, DETAIL, max_stride)
        self.out_channels = self.upsample.out_channels
        self.stride = self.upsample.stride

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        detail, deepest = features[self.level], features[-1]
        finest: Tensor = self.upsample(self.fused([detail, detail, detail, deepest]))
        return finest
