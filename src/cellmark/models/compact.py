"""A small backbone that trains in minutes on a CPU."""

from collections.abc import Sequence

from torch import Tensor, nn

from cellmark.models.blocks import ConvBlock, ResidualBlock


class CompactBackbone(nn.Module):
    """Residual encoder with one map per power of two: reductions 2, 4, 8, 16, ...

    Attributes:
        channels: channels of each map, finest first.
        reductions: input pixels per pixel of each map.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 160, 192), blocks: Sequence[int] = (0, 1, 1, 1, 1)) -> None:
        """Builds the encoder.

        Args:
            widths: channels at each reduction.
            blocks: residual blocks at each reduction; the finest level is the dearest.
        """
        super().__init__()
        if len(widths) != len(blocks):
            raise ValueError(f"widths {list(widths)} and blocks {list(blocks)} must be of one length")
        self.channels = list(widths)
        self.reductions = [2 ** (level + 1) for level in range(len(widths))]
        inputs = [3, *widths[:-1]]
        self.levels = nn.ModuleList(
            nn.Sequential(ConvBlock(i, o, kernel=4, stride=2), *(ResidualBlock(o) for _ in range(n)))
            for i, o, n in zip(inputs, widths, blocks, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> one (B, C_k, H / r_k, W / r_k) per level, finest first."""
        features = []
        for level in self.levels:
            images = level(images)
            features.append(images)
        return features
