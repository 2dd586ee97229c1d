"""Black or white for every cell of a lattice, and how far off the lattice is: the network's second look at a code."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cellmark.data.rectify import CELL

TINY = 1e-12  # added to a variance: the slope of a root at zero is infinite
EVEN = 4.0  # grey values, added to the spread of a picture: an even one stays even


class Cells(NamedTuple):
    """What the network says of each cell.

    Attributes:
        black: (B, rows, cols) log odds.
        shift: (B, 2, rows, cols) from the given place to the true centre, in cells to the right and down.
        doubt: (B, rows, cols) logarithm of the mean error that it expects of either part of ``shift``.
        inside: (B, rows, cols) log odds that the cell belongs to a code.
    """

    black: Tensor
    shift: Tensor
    doubt: Tensor
    inside: Tensor


class CellClassifier(nn.Module):
    """Tells black from white on a rectified picture, where every cell is a square of ``CELL`` pixels.

    Three convolutions of stride 2 make one number of features per cell; then cells look at ever more of their
    neighbours, and at the mean and the spread of the whole code: what a dot looks like here, only the others show.

    Attributes:
        config: the arguments that it was built with.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 80), dilations: Sequence[int] = (1, 2, 1, 4, 1, 2)) -> None:
        """Builds it.

        Args:
            widths: channels after each halving; three of them.
            dilations: of the blocks at one feature per cell.
        """
        super().__init__()
        if 2 ** len(widths) != CELL:
            raise ValueError(f"{len(widths)} widths make cells of {2 ** len(widths)} pixels, not of {CELL}")
        self.config = {"widths": list(widths), "dilations": list(dilations)}
        layers: list[nn.Module] = []
        for before, after in zip((3, *widths[:-1]), widths, strict=True):
            # A kernel of 4 keeps the centre of a cell in the centre of its feature
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.stem = nn.Sequential(*layers)
        self.blocks = nn.Sequential(*[_Block(widths[-1], dilation) for dilation in dilations])
        self.head = nn.Conv2d(widths[-1], 5, 1)

    def forward(self, images: Tensor) -> Cells:
        """Looks at pictures (B, 3, CELL * rows, CELL * cols) of 0..255."""
        pixels = images.float()
        mean, spread = (each[:, None, None, None] for each in _mean_and_spread(pixels, (1, 2, 3)))
        maps = self.head(self.blocks(self.stem((pixels - mean) / (spread + EVEN))))
        return Cells(maps[:, 0], maps[:, 1:3], maps[:, 3].clamp(-4, 1), maps[:, 4])


class _Block(nn.Module):
    """Two convolutions beside a shortcut, weighed by what the whole picture shows."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.wide_norm = nn.BatchNorm2d(width)
        self.near = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.near_norm = nn.BatchNorm2d(width)
        self.gate = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.near_norm(self.near(torch.relu(self.wide_norm(self.wide(x)))))
        whole = torch.cat(_mean_and_spread(y, (2, 3)), dim=1)
        return torch.relu(x + y * torch.sigmoid(self.gate(whole))[..., None, None])


def _mean_and_spread(values: Tensor, dim: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the dimensions; ``torch.std`` takes 15 times as long on a CPU."""
    count = math.prod(values.shape[each] for each in dim)
    mean = values.mean(dim)
    variance = ((values * values).mean(dim) - mean * mean) * (count / (count - 1))
    return mean, (variance.clamp(min=0) + TINY).sqrt()
