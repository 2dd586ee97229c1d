"""Cells of pictures of any size, in the pixels of the original picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from cellmark.coordinates import resize_points
from cellmark.data.fit import fit_image
from cellmark.tasks.checkpoint import Model

REACH = 2.0  # cells up to this many pitches apart belong to one code


@dataclass(frozen=True)
class Cells:
    """The cells found in one picture.

    Attributes:
        points: float32 (N, 2) x, y in pixels of the original picture.
        labels: int64 (N,) class.
        scores: float32 (N,) in 0..1.
        heatmap: float32 (C, h, w) in 0..1, over the picture only.
    """

    points: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    heatmap: np.ndarray


class Predictor:
    """Runs a trained model on pictures; made once, called often."""

    def __init__(self, model: Model, device: str = "auto", size: tuple[int, int] | None = None) -> None:
        """Moves the model to a device.

        Args:
            model: as ``load_checkpoint`` returns it.
            device: ``cpu``, ``cuda``, ... or ``auto``: a GPU where there is one.
            size: height and width that pictures are fitted into; by default that of training.
        """
        name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self.model, self.device, self.size = model, torch.device(name), size or model.size
        self.network = model.network.to(self.device)

    def __call__(self, images: Sequence[np.ndarray]) -> list[Cells]:
        """Finds the cells of some pictures in one batch.

        Args:
            images: uint8 (H, W, 3) RGB, of any sizes.
        """
        fitted = [fit_image(image, self.size) for image in images]
        batch = torch.from_numpy(np.stack([image for image, _ in fitted])).to(self.device)
        with torch.inference_mode():
            heatmaps = self.network(batch.permute(0, 3, 1, 2).float() / 255)["heatmap"].float().sigmoid()
            peaks = self.model.codec.decode(heatmaps, self.network.stride)
        maps = heatmaps.cpu().numpy()
        cells = []
        for image, (_, scale), found, heatmap in zip(images, fitted, peaks, maps, strict=True):
            height, width = image.shape[:2]
            points = resize_points(found.points.cpu().numpy(), (1 / scale[0], 1 / scale[1]))
            inside = (points < [width - 0.5, height - 0.5]).all(axis=1)
            labels, scores = found.labels.cpu().numpy()[inside], found.scores.cpu().numpy()[inside]
            rows, columns = self.network.map_size(round(height * scale[1]), round(width * scale[0]))
            cells.append(Cells(points[inside], labels, scores, heatmap[:, :rows, :columns]))
        return cells


def group_codes(points: np.ndarray, min_cells: int) -> list[np.ndarray]:
    """Splits cells into codes: groups in which each cell has a neighbour within two pitches.

    The pitch of a cell is the median distance of the nearest neighbours of its eight nearest cells, so that a
    picture may hold codes of several sizes and a stray cell does not join them.

    Args:
        points: (N, 2) centres.
        min_cells: groups with fewer cells are no code.

    Returns:
        Indices into ``points`` of each code, the largest code first.
    """
    if len(points) < max(min_cells, 2):
        return []
    tree = cKDTree(points)
    distance, near = tree.query(points, k=min(9, len(points)))
    pitch = np.median(distance[near, 1], axis=1)
    pairs = tree.query_pairs(REACH * pitch.max(), output_type="ndarray")
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    pairs = pairs[apart <= REACH * pitch[pairs].min(axis=1)]
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    count, group = connected_components(graph, directed=False)
    codes = [np.flatnonzero(group == index) for index in range(count)]
    return sorted((code for code in codes if len(code) >= min_cells), key=len, reverse=True)
