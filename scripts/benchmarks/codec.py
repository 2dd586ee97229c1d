"""Encoding and decoding of heatmaps, beside a loop over points and pixels."""

import numpy as np
import torch

from benchmarks.timing import Row, milliseconds
from cellmark.heatmaps.codec import GaussianCodec

BATCH, CELLS, SIZE, CLASSES, SIGMA = 8, 1000, 512, 2, 2.0


def rows() -> list[Row]:
    """Encode and decode of 8 images with 1000 cells at 512x512."""
    rng = np.random.default_rng(0)
    points = np.stack([_grid(rng) for _ in range(BATCH)]).astype(np.float32)
    labels = rng.integers(0, CLASSES, (BATCH, CELLS))
    codec, pitch = GaussianCodec(SIGMA), torch.ones(BATCH, CELLS)
    tensors = torch.from_numpy(points), torch.from_numpy(labels)

    def encode() -> torch.Tensor:
        return codec.encode(*tensors, pitch, (SIZE, SIZE), 1, CLASSES)

    maps = encode()
    array = maps.numpy()
    plain = milliseconds(lambda: plain_encode(points, labels), 1), milliseconds(lambda: plain_decode(array), 1)
    return [
        Row("encode 8 x 1000 cells, 512x512", milliseconds(encode, 15), "at most 50", plain[0], "ms"),
        Row("decode 8 maps, 512x512", milliseconds(lambda: codec.decode(maps, 1), 15), "at most 60", plain[1], "ms"),
    ]


def plain_encode(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One Gaussian after another, in a window of 5 sigma around each point."""
    maps = np.zeros((BATCH, CLASSES, SIZE, SIZE), np.float32)
    reach = int(5 * SIGMA)
    for image in range(BATCH):
        for (x, y), label in zip(points[image], labels[image], strict=True):
            left, top = max(0, round(x) - reach), max(0, round(y) - reach)
            right, bottom = min(SIZE, round(x) + reach + 1), min(SIZE, round(y) + reach + 1)
            rows, columns = np.mgrid[top:bottom, left:right]
            value = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * SIGMA**2))
            window = maps[image, label, top:bottom, left:right]
            np.maximum(window, value, out=window)
    return maps


def plain_decode(maps: np.ndarray, threshold: float = GaussianCodec().threshold) -> list[tuple[int, int, float, float]]:
    """Every pixel above the threshold compared with its neighbours, then a parabola along each axis."""
    found = []
    for image, label, row, column in np.argwhere(maps >= threshold):
        plane = maps[image, label]
        window = plane[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if plane[row, column] < window.max() or not (0 < row < SIZE - 1 and 0 < column < SIZE - 1):
            continue
        logs = np.log(np.maximum(plane[row - 1 : row + 2, column - 1 : column + 2], 1e-12))
        dx = (logs[1, 2] - logs[1, 0]) / (2 * (2 * logs[1, 1] - logs[1, 0] - logs[1, 2]))
        dy = (logs[2, 1] - logs[0, 1]) / (2 * (2 * logs[1, 1] - logs[0, 1] - logs[2, 1]))
        found.append((image, label, column + dx, row + dy))
    return found


def _grid(rng: np.random.Generator) -> np.ndarray:
    """1000 cells of a slightly irregular lattice, 15 px apart."""
    steps = np.stack(np.meshgrid(np.arange(40), np.arange(25)), axis=-1).reshape(-1, 2)
    return steps * [12.0, 20.0] + 12 + rng.uniform(-2, 2, (CELLS, 2))
