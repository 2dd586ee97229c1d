"""Where codes are and how far apart their cells: what tells a reader at which size to look."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.heatmaps.scale import BIN, log_pitch, speaker
from cellmark.heatmaps.targets import Targets
from cellmark.losses.base import Loss
from cellmark.losses.maps import at_least_single

REACH = 0.8  # cell pitches from a cell's centre that still count as the code: a little more than half a diagonal


class ScaleLoss(Loss):
    """Terms ``presence`` and ``pitch`` of the head ``scale``: is there a code, and what is its cell pitch.

    The head has two maps: the logit of "within a code", and ``log2(pitch / 8 px)``. Both are compared at the middle
    of every square of 8 x 8 input pixels: ``presence`` is the mean binary cross-entropy, ``pitch`` the mean absolute
    error where there is a code. Unlike the heatmap, both also cover cells that are too fine to be told apart.
    """

    needs = ("scale",)

    def __init__(self, presence: float = 1.0, pitch: float = 0.5) -> None:
        """Sets the weights of the two terms.

        Raises:
            CellmarkError: a weight is negative or not finite.
        """
        super().__init__({"presence": presence, "pitch": pitch})

    def terms(self, outputs: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
        """Both terms of ``outputs["scale"]`` (B, 2, h, w).

        Raises:
            CellmarkError: the head has not two maps, or the maps are coarser than the squares.
        """
        step = BIN // targets.stride
        maps = at_least_single(outputs["scale"])
        if maps.shape[1] != 2 or step < 1 or BIN % targets.stride:
            raise CellmarkError(
                f"ScaleLoss needs 2 maps at a stride that divides {BIN}, got {maps.shape[1]} at {targets.stride}"
            )
        maps = maps[:, :, step // 2 :: step, step // 2 :: step]
        inside, pitch = scale_targets(targets.batch, (maps.shape[2], maps.shape[3]), targets.stride)
        presence = functional.binary_cross_entropy_with_logits(maps[:, 0], inside.to(maps))
        error = (maps[:, 1] - pitch.to(maps)).abs() * inside
        return {"presence": presence, "pitch": error.sum() / inside.sum().clamp_min(1)}


def scale_targets(batch: Batch, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor]:
    """What the head ``scale`` is to say at the middle of every square of ``BIN`` x ``BIN`` input pixels.

    Args:
        batch: its points and pitches are read.
        size: squares down and across.
        stride: input pixels per pixel of the maps.

    Returns:
        bool (B, rows, cols), whether the middle lies within ``REACH`` pitches of a cell; and float32 (B, rows, cols),
        mean log pitch of these cells, 0 where there are none.
    """
    rows, cols = size
    image, column = torch.nonzero(batch.labels >= 0, as_tuple=True)
    count = batch.points.new_zeros(len(batch) * rows * cols)
    total = torch.zeros_like(count)
    if len(image):
        points, pitch = batch.points[image, column], batch.pitch[image, column]
        reach = int(torch.ceil(REACH * pitch.max() / BIN + 0.5))
        offsets = torch.arange(-reach, reach + 1, device=points.device)
        middle = speaker(stride)
        nearest = ((points - middle) / BIN).round().long()
        x, y = nearest[:, 0, None, None] + offsets, nearest[:, 1, None, None] + offsets[:, None]
        dx = x * BIN + middle - points[:, 0, None, None]
        dy = y * BIN + middle - points[:, 1, None, None]
        near = (dx**2 + dy**2 <= (REACH * pitch[:, None, None]) ** 2).float()
        near = near * ((x >= 0) & (x < cols) & (y >= 0) & (y < rows))
        index = (image[:, None, None] * rows + y.clamp(0, rows - 1)) * cols + x.clamp(0, cols - 1)
        count.index_add_(0, index.flatten(), near.flatten())
        total.index_add_(0, index.flatten(), (near * log_pitch(pitch)[:, None, None]).flatten())
    shape = (len(batch), rows, cols)
    return (count > 0).view(shape), (total / count.clamp_min(1)).view(shape)
