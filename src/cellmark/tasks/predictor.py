"""Cells of pictures of any size, in the pixels of the original picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cellmark.coordinates import resize_points
from cellmark.data.fit import SMALLEST, fit_image
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.groups import group_codes
from cellmark.tasks.checkpoint import Model
from cellmark.tasks.devices import choose_device

MIN_CELLS = 20  # fewer cells together are no code
MOST_ENLARGED = 4  # more enlargement shows the network nothing new


@dataclass(frozen=True)
class Cells:
    """The cells found in one picture.

    Attributes:
        points: float32 (N, 2) x, y in pixels of the original picture.
        labels: int64 (N,) class.
        scores: float32 (N,) in 0..1.
        codes: indices into the above of the cells of each code, the largest code first.
        heatmap: float32 (C, h, w) in 0..1, over the picture only.
    """

    points: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    codes: list[np.ndarray]
    heatmap: np.ndarray

    def in_codes(self) -> np.ndarray:
        """Indices of the cells that belong to a code; the others are strays."""
        return np.concatenate([np.zeros(0, np.int64), *self.codes])


class Predictor:
    """Runs a trained model on pictures; made once, called often.

    A network knows cells of about the sizes it was trained on, and pictures show them at any size. So every picture is
    tried at several scales, and the one at which the network sees codes most clearly is kept.
    """

    def __init__(
        self, model: Model, device: str = "auto", scales: Sequence[float] = (1.0,), min_cells: int = MIN_CELLS
    ) -> None:
        """Moves the model to a device.

        Args:
            model: as ``load_model`` returns it.
            device: ``cpu``, ``cuda``, ... or ``auto``: a GPU where there is one.
            scales: input sizes to try, as multiples of the size of training; the first is always tried, others only
                where they do not enlarge the picture more than four times.
            min_cells: smaller groups of cells are no code.

        Raises:
            CellmarkError: no scale, one that makes the input too small, or a device that is not there.
        """
        self.sizes = [(round(model.size[0] * scale), round(model.size[1] * scale)) for scale in scales]
        if not self.sizes or min(min(size) for size in self.sizes) < SMALLEST:
            raise CellmarkError(
                f"scales={list(scales)}: at least one is needed, and inputs of {SMALLEST} pixels or more"
            )
        self.device = choose_device(device, model.network)
        self.network = model.network.to(self.device)
        self.model, self.min_cells = model, min_cells

    def __call__(self, images: Sequence[np.ndarray]) -> list[Cells]:
        """Finds the cells of some pictures.

        Args:
            images: uint8 (H, W, 3) RGB, of any sizes.
        """
        best = self._at(images, self.sizes[0])
        for size in self.sizes[1:]:
            large = [k for k, image in enumerate(images) if max(size) <= MOST_ENLARGED * max(image.shape[:2])]
            for k, cells in zip(large, self._at([images[k] for k in large], size), strict=True):
                if self._clarity(cells) > self._clarity(best[k]):
                    best[k] = cells
        return best

    def _at(self, images: Sequence[np.ndarray], size: tuple[int, int]) -> list[Cells]:
        """The cells of pictures that are fitted into one size, in one batch."""
        if not images:
            return []
        fitted = [fit_image(image, size) for image in images]
        batch = torch.from_numpy(np.stack([image for image, _ in fitted])).to(self.device)
        with torch.inference_mode():
            heatmaps = self.network(batch.permute(0, 3, 1, 2).float() / 255)["heatmap"].float().sigmoid()
            peaks = self.model.codec.decode(heatmaps, self.network.stride)
        cells = zip(images, fitted, peaks, heatmaps.cpu().numpy(), strict=True)
        return [self._in_original(image, scale, found, maps) for image, (_, scale), found, maps in cells]

    def _in_original(self, image: np.ndarray, scale: tuple[float, float], found: Peaks, maps: np.ndarray) -> Cells:
        """Moves cells into the pixels of the original, and drops those in the rim that filled up the input."""
        height, width = image.shape[:2]
        points = resize_points(found.points.cpu().numpy(), (1 / scale[0], 1 / scale[1]))
        inside = (points < [width - 0.5, height - 0.5]).all(axis=1)
        labels, scores = found.labels.cpu().numpy()[inside], found.scores.cpu().numpy()[inside]
        rows, columns = self.network.map_size(round(height * scale[1]), round(width * scale[0]))
        codes = group_codes(points[inside], self.min_cells)
        return Cells(points[inside], labels, scores, codes, maps[:, :rows, :columns])

    def _clarity(self, cells: Cells) -> float:
        """Sum times mean of what the scores have above the threshold: many cells, and sure ones."""
        if not cells.codes:
            return 0.0
        excess = cells.scores[cells.in_codes()] - self.model.codec.threshold
        return float(excess.sum() * excess.mean())
