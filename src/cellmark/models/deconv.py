"""The report's decoder: transposed convolutions from the deepest map up to the full resolution."""

from collections.abc import Sequence

from torch import Tensor, nn

DROPOUT_BLOCKS = 3


class DeconvDecoder(nn.Module):
    """``ConvTranspose2d(k=4, s=2, p=1)`` blocks on the deepest map; no skip connections.

    Attributes:
        out_channels: channels of the output.
        stride: input pixels per output pixel.
    """

    def __init__(
        self,
        channels: Sequence[int],
        reductions: Sequence[int],
        widths: Sequence[int] = (256, 128, 64, 32, 16),
        dropout: float = 0.1,
    ) -> None:
        """Builds one block per width.

        Args:
            channels: channels of the backbone's maps.
            reductions: reductions of the backbone's maps.
            widths: channels after each block.
            dropout: probability of dropping a channel, in the first three blocks.

        Raises:
            ValueError: the deepest reduction cannot be halved as often as there are blocks.
        """
        super().__init__()
        if not widths or reductions[-1] % 2 ** len(widths):
            halvings = (reductions[-1] & -reductions[-1]).bit_length() - 1
            raise ValueError(
                f"{len(widths)} doublings do not fit the backbone's deepest reduction {reductions[-1]}: "
                f"decoder.widths must have 1 to {halvings} values"
            )
        self.out_channels = widths[-1]
        self.stride = reductions[-1] // 2 ** len(widths)
        inputs = [channels[-1], *widths[:-1]]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.ConvTranspose2d(i, o, 4, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(o),
                    nn.ReLU(inplace=True),
                    *([nn.Dropout2d(dropout)] if k < DROPOUT_BLOCKS and dropout > 0 else []),
                )
                for k, (i, o) in enumerate(zip(inputs, widths, strict=True))
            )
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps of the backbone, finest first -> (B, out_channels, H / stride, W / stride)."""
        decoded: Tensor = self.blocks(features[-1])
        return decoded
