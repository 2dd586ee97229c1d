"""The head ``scale`` of a network: is there a code, and how far apart are its cells.

A picture is looked at small first. Cells that are then too fine to be told apart still show as a code, and the pitch
says how much larger that part of the picture must be looked at.
"""

import torch
from torch import Tensor

BIN = 8  # input pixels, side of the squares for which the head speaks
UNIT = 8.0  # pixels: the pitch at which the second map is 0


def log_pitch(pitch: Tensor) -> Tensor:
    """Pitch in input pixels to what the second map holds, in octaves."""
    return torch.log2(pitch / UNIT)


def speaker(stride: int) -> float:
    """Input coordinate of the pixel of the maps that speaks for the first square: one next to its middle."""
    return (BIN // stride // 2 + 0.5) * stride - 0.5


def read_scale(scale: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Reads the maps of the head at the middle of every square of ``BIN`` input pixels.

    Args:
        scale: (B, 2, h, w) as the network gives them.
        stride: input pixels per pixel of the maps.

    Returns:
        presence (B, rows, cols) in 0..1 and pitch (B, rows, cols) in input pixels.
    """
    step = BIN // stride
    maps = scale[:, :, step // 2 :: step, step // 2 :: step].float()
    return maps[:, 0].sigmoid(), UNIT * torch.exp2(maps[:, 1])
