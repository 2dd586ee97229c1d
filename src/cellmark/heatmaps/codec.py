"""Points to heatmaps and back: one pair, so that what is trained is what is read."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from cellmark.coordinates import resize_points
from cellmark.errors import CellmarkError
from cellmark.heatmaps.peaks import find_peaks

REACH = 5.0  # a Gaussian is drawn out to this many sigmas, where it is below 4e-6


class Peaks(NamedTuple):
    """The cells found in one image.

    Attributes:
        points: float32 (N, 2) x, y in pixels of the input.
        labels: int64 (N,) class.
        scores: float32 (N,) height of the peak in 0..1, highest first.
    """

    points: Tensor
    labels: Tensor
    scores: Tensor


@dataclass(frozen=True)
class GaussianCodec:
    """A Gaussian at every cell centre, one map per class; decoded to sub-pixel peaks.

    ``T_c(i, j) = max_k exp(-((i - y_k)^2 + (j - x_k)^2) / (2 sigma_k^2))`` over the points k of class c.

    Attributes:
        sigma: width of the Gaussian, in units of ``unit``.
        unit: ``pixel`` of the heatmap, or ``pitch``: a fraction of the cell pitch.
        min_sigma: with ``unit=pitch``, the least sigma in pixels of the heatmap: a narrower Gaussian falls
            between the pixels.
        threshold: least height of a peak that counts as a cell.
        min_pitch: least cell pitch in pixels of the input: cells closer together are not drawn.
    """

    sigma: float = 2.0
    unit: Literal["pixel", "pitch"] = "pixel"
    min_sigma: float = 0.7
    threshold: float = 0.3
    min_pitch: float = 0.0

    def __post_init__(self) -> None:
        """Refuses values that cannot work."""
        if self.unit not in ("pixel", "pitch"):
            raise CellmarkError(f"codec.unit must be 'pixel' or 'pitch', got {self.unit!r}")
        if self.sigma <= 0 or self.min_sigma <= 0 or not 0 < self.threshold < 1 or self.min_pitch < 0:
            raise CellmarkError(f"codec needs sigma > 0, min_sigma > 0, 0 < threshold < 1, min_pitch >= 0, got {self}")

    def encode(
        self, points: Tensor, labels: Tensor, pitch: Tensor, size: tuple[int, int], stride: int, classes: int
    ) -> Tensor:
        """Renders a batch of padded points on the device that holds them.

        Args:
            points: (B, N, 2) x, y in pixels of the input.
            labels: (B, N) class of each point; negative for padding.
            pitch: (B, N) cell pitch in pixels of the input; read with ``unit=pitch`` or ``min_pitch``.
            size: height and width of the heatmap.
            stride: input pixels per heatmap pixel.
            classes: number of maps per image.

        Returns:
            float32 (B, classes, h, w) in 0..1.
        """
        batch, height, width = points.shape[0], *size
        heatmap = points.new_zeros(batch * classes * height * width)
        image, column = torch.nonzero((labels >= 0) & (pitch >= self.min_pitch), as_tuple=True)
        if len(image):
            centres = resize_points(points[image, column], (1 / stride, 1 / stride))
            sigma = self._sigmas(pitch[image, column] / stride)
            plane = image * classes + labels[image, column]
            values, index = _patches(centres, sigma, plane, size)
            heatmap.scatter_reduce_(0, index.flatten(), values.flatten(), "amax")
        return heatmap.view(batch, classes, height, width)

    def decode(self, heatmap: Tensor, stride: int) -> list[Peaks]:
        """Finds the peaks of every image of a batch.

        Classes exclude each other: where the maps of two classes rise at one place, the higher one counts.

        Args:
            heatmap: (B, C, h, w) in 0..1, for instance the sigmoid of the network's logits.
            stride: input pixels per heatmap pixel.

        Returns:
            One ``Peaks`` per image.
        """
        image, label, centres, scores = find_peaks(heatmap.float(), self.threshold)
        points = resize_points(centres, (stride, stride))
        counts = torch.bincount(image, minlength=len(heatmap)).tolist()
        found = zip(*(torch.split(values, counts) for values in (points, label, scores)), strict=True)
        return [_sorted(Peaks(*peaks)) for peaks in found]

    def _sigmas(self, pitch: Tensor) -> Tensor:
        """Sigma of each point in heatmap pixels, from its pitch in heatmap pixels."""
        if self.unit == "pixel":
            return torch.full_like(pitch, self.sigma)
        return (self.sigma * pitch).clamp_min(self.min_sigma)


def _patches(centres: Tensor, sigma: Tensor, plane: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Values (P, k, k) of each Gaussian around its centre, and their places in the flattened maps.

    What falls outside the map has the value 0 and the place of the nearest pixel, where it changes nothing.
    """
    height, width = size
    reach = int(torch.ceil(REACH * sigma.max()))
    offsets = torch.arange(-reach, reach + 1, device=centres.device)
    nearest = centres.round().long()
    columns, rows = nearest[:, :1] + offsets, nearest[:, 1:] + offsets
    along_x = _gaussian(columns, centres[:, :1], sigma[:, None]) * ((columns >= 0) & (columns < width))
    along_y = _gaussian(rows, centres[:, 1:], sigma[:, None]) * ((rows >= 0) & (rows < height))
    line = plane[:, None] * height + rows.clamp(0, height - 1)
    index = line[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    return along_y[:, :, None] * along_x[:, None, :], index


def _gaussian(at: Tensor, centre: Tensor, sigma: Tensor) -> Tensor:
    return torch.exp(-((at - centre) ** 2) / (2 * sigma**2))


def _sorted(peaks: Peaks) -> Peaks:
    order = peaks.scores.argsort(descending=True, stable=True)
    return Peaks(*(values[order] for values in peaks))
