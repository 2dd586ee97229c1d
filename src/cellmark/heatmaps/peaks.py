"""Local maxima of heatmaps, to a fraction of a pixel."""

import torch
from torch import Tensor
from torch.nn import functional

TINY = 1e-12  # keeps the logarithm of an empty map finite


def find_peaks(heatmap: Tensor, threshold: float | Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Peaks of a batch of maps: pixels that no pixel of any class in their 3x3 neighbourhood exceeds.

    Of several equal neighbours (a point midway between pixels) the first in raster order is the peak.

    Args:
        heatmap: float (B, C, h, w) in 0..1.
        threshold: least value of a peak.

    Returns:
        image (P,) and class (P,) of every peak in order of image, its centre (P, 2) as x, y in heatmap
        pixels, and its score (P,).
    """
    highest = heatmap.amax(dim=1)
    tops = (highest == largest_of_3x3(highest)) & (highest >= threshold)
    image, row, column = torch.nonzero(tops, as_tuple=True)
    around = _neighbourhoods(_framed(highest), image, row, column)
    first = (around[:, :4] < around[:, 4:5]).all(dim=1)
    image, row, column = image[first], row[first], column[first]
    label = heatmap[image, :, row, column].argmax(dim=1)
    score = highest[image, row, column]
    offset = _offsets(_framed(heatmap).flatten(0, 1), image * heatmap.shape[1] + label, row, column)
    return image, label, torch.stack([column, row], dim=1) + offset, score


def largest_of_3x3(maps: Tensor) -> Tensor:
    """Maximum over the 3x3 neighbourhood of every pixel, (B, h, w) -> (B, h, w), for values of at least -1.

    Shifted copies are far faster on a CPU than max pooling.
    """
    framed = _framed(maps)
    rows = torch.maximum(torch.maximum(framed[:, :-2], framed[:, 1:-1]), framed[:, 2:])
    return torch.maximum(torch.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:])


def _framed(maps: Tensor) -> Tensor:
    """The maps with one pixel of -1 around them."""
    return functional.pad(maps, (1, 1, 1, 1), value=-1.0)


def _neighbourhoods(framed: Tensor, plane: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The 3x3 pixels around each place in raster order, (P, 9)."""
    step = torch.arange(3, device=row.device)
    return framed[
        plane[:, None, None], (row[:, None] + step)[:, :, None], (column[:, None] + step)[:, None, :]
    ].flatten(1)


def _offsets(framed: Tensor, plane: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Distance (P, 2) from the peak pixel to the top of the Gaussian through it.

    The logarithm of a Gaussian is a parabola, so three samples along an axis give its top exactly:
    ``offset = (l(+1) - l(-1)) / (2 (2 l(0) - l(+1) - l(-1)))``. At the rim of the map a sample is missing;
    there the curvature comes from the other axis (the Gaussian is round), and in a corner from three samples inwards.
    """
    around = _neighbourhoods(framed, plane, row, column)
    line = torch.stack([around[:, 3:6], around[:, 1::3]], dim=1)  # (P, axis x/y, -1/0/+1)
    height, width = framed.shape[1] - 2, framed.shape[2] - 2
    place = torch.stack([column, row], dim=1)
    rim = (place == 0) | torch.stack([column == width - 1, row == height - 1], dim=1)
    logs = line.clamp_min(TINY).log()
    curvature = 2 * logs[..., 1] - logs[..., 0] - logs[..., 2]
    slope = (logs[..., 2] - logs[..., 0]) / 2
    curvature = torch.where(rim, curvature.flip(1), curvature)
    one_sided = torch.where(
        place == 0, logs[..., 2] - logs[..., 1] + curvature / 2, logs[..., 1] - logs[..., 0] - curvature / 2
    )
    slope = torch.where(rim, one_sided, slope)
    corner = rim.all(dim=1)
    slope[corner], curvature[corner] = _from_corner(framed, plane[corner], place[corner])
    return torch.where(curvature > 0, slope / curvature.clamp_min(TINY), 0.0).clamp(-0.5, 0.5)


def _from_corner(framed: Tensor, plane: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and curvature (P, 2) at a corner pixel, from the two pixels inwards along each axis.

    A map one pixel wide has only one: the frame beyond stands in for the other.
    """
    sign = 1 - 2 * (place > 0).long()
    column, row = (place + 1).unbind(dim=1)
    step_x, step_y = sign.unbind(dim=1)
    right, bottom = framed.shape[2] - 1, framed.shape[1] - 1
    along_x = torch.stack([framed[plane, row, (column + n * step_x).clamp_max(right)] for n in range(3)], dim=1)
    along_y = torch.stack([framed[plane, (row + n * step_y).clamp_max(bottom), column] for n in range(3)], dim=1)
    logs = torch.stack([along_x, along_y], dim=1).clamp_min(TINY).log()
    curvature = 2 * logs[..., 1] - logs[..., 0] - logs[..., 2]
    inward = (4 * logs[..., 1] - 3 * logs[..., 0] - logs[..., 2]) / 2
    return inward * sign, curvature
