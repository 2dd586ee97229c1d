"""From samples to padded batches, and the cell pitch that tolerances and sigmas are measured in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from cellmark.data.records import Sample

PADDING = -1  # label of a point that only fills up the batch
MIN_ROWS = 8  # no DataMatrix symbol has fewer rows


@dataclass
class Batch:
    """Images of one size with their points, padded to the largest number of points.

    Attributes:
        images: float32 (B, 3, H, W) RGB in 0..1.
        points: float32 (B, N, 2) x, y in pixels of the input.
        labels: int64 (B, N) class of each point, -1 for padding.
        pitch: float32 (B, N) cell pitch at each point in pixels of the input, 1 for padding.
        places: int64 (B, N, 2) which code of its image each point belongs to, and its row-major place in that code.
        grids: for each image, rows and columns of each of its codes, None where the order is not known.
        folders: name of the folder of each image.
        paths: file of each image.
        image_ids: COCO id of each image in its folder.
    """

    images: Tensor
    points: Tensor
    labels: Tensor
    pitch: Tensor
    places: Tensor
    grids: list[tuple[tuple[int, int] | None, ...]]
    folders: list[str]
    paths: list[Path]
    image_ids: list[int]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """A copy with every tensor on ``device``."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """A copy with every tensor in page-locked memory; the data loader calls it."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> Self:
        tensors: dict[str, Any] = {
            name: change(value) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **tensors)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


def cell_pitch(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Distance of every cell to its nearest neighbour of either class.

    Args:
        points: (N, 2) cell centres in pixels.
        size: height and width of the image in pixels.

    Returns:
        float32 (N,) in pixels; at most 1/8 of the shorter side, the pitch of the smallest symbol that fills
        the image, so that a cell far from all others (or alone) still has a finite pitch.
    """
    cap = min(size) / MIN_ROWS
    if len(points) < 2:
        return np.full(len(points), cap, np.float32)
    distance: np.ndarray = cKDTree(points).query(points, k=2)[0][:, 1]
    pitch: np.ndarray = np.clip(distance, 1e-3, cap).astype(np.float32)
    return pitch


def collate(samples: Sequence[Sample]) -> Batch:
    """Stacks samples of one image size into a batch.

    Raises:
        ValueError: the images differ in size.
    """
    shapes = {sample.image.shape for sample in samples}
    if len(shapes) != 1:
        raise ValueError(f"images of a batch must have one size, got {sorted(shapes)}")
    height, width, _ = shapes.pop()
    count = max(1, max(len(sample.points) for sample in samples))
    points = torch.zeros(len(samples), count, 2)
    labels = torch.full((len(samples), count), PADDING)
    pitch = torch.ones(len(samples), count)
    places = torch.zeros(len(samples), count, 2, dtype=torch.int64)
    for row, sample in enumerate(samples):
        used = len(sample.points)
        points[row, :used] = torch.from_numpy(sample.points)
        labels[row, :used] = torch.from_numpy(sample.labels)
        places[row, :used] = torch.from_numpy(sample.places)
        pitch[row, :used] = torch.from_numpy(cell_pitch(sample.points, (height, width)))
    # In numpy: glibc does not find torch's aligned blocks a place among freed ones, and loaders grew with every batch.
    images = np.empty((len(samples), height, width, 3), np.float32)
    for sample, image in zip(samples, images, strict=True):
        np.divide(sample.image, np.float32(255), out=image)
    return Batch(
        images=torch.from_numpy(images).permute(0, 3, 1, 2),
        points=points,
        labels=labels,
        pitch=pitch,
        places=places,
        grids=[sample.grids for sample in samples],
        folders=[sample.folder for sample in samples],
        paths=[sample.path for sample in samples],
        image_ids=[sample.image_id for sample in samples],
    )
