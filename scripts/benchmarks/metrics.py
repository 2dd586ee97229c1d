"""All validation metrics of an image, beside scikit-learn and loops over peaks."""

from pathlib import Path

import cv2
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from sklearn.metrics import average_precision_score
from torch import Tensor

from benchmarks.timing import Row, milliseconds
from cellmark.data.batch import collate
from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec, Peaks
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.base import GroupedMetric

BATCH, GRID, PITCH, SIZE, CLASSES = 8, (24, 25), 19.0, 512, ["black", "white"]
FOLDERS = ["a", "b"]
CONFIG = Path(__file__).parents[2] / "conf" / "metrics" / "default.yaml"
CODEC = GaussianCodec(0.2, "pitch", 0.8)


def rows() -> list[Row]:
    """Update and compute of every configured metric on 8 images of 512x512 with 600 cells, per image.

    Twice: for maps of a trained network, and for those of one that has not learned to be quiet between the
    cells. The baseline has no COCO keypoint AP.
    """
    metrics = [make(classes=CLASSES, folders=FOLDERS) for make in instantiate(OmegaConf.load(CONFIG)).values()]
    targets = make_targets(np.random.default_rng(0))
    return [
        row
        for name, contrast, floor in (("trained", 10.0, -5.5), ("untrained", 0.5, -1.0))
        for row in _rows(name, metrics, predicted(targets, contrast, floor), targets)
    ]


def _rows(name: str, metrics: list[GroupedMetric], heatmap: Tensor, targets: Targets) -> list[Row]:
    """Without and with the decoding of the maps, which the task does once for all metrics."""
    peaks = CODEC.decode(heatmap, 1)
    plain = milliseconds(lambda: plain_measure(heatmap.numpy(), peaks, targets), 1) / BATCH
    ours = milliseconds(lambda: measure(metrics, heatmap, peaks, targets), 9) / BATCH
    decode = milliseconds(lambda: CODEC.decode(heatmap, 1), 9) / BATCH
    title = f"all metrics of an image, {name}, {sum(len(own.points) for own in peaks) // BATCH} peaks"
    return [
        Row(title, ours, "at most 20", plain, "ms"),
        Row(f"{title}, with decode", ours + decode, "at most 20", plain + decode, "ms"),
    ]


def make_targets(rng: np.random.Generator) -> Targets:
    """Slightly irregular lattices of 600 cells."""
    count = GRID[0] * GRID[1]
    places = np.stack([np.zeros(count, np.int64), np.arange(count)], axis=1)
    steps = np.stack(np.meshgrid(np.arange(GRID[1]), np.arange(GRID[0])), axis=-1).reshape(-1, 2)
    blank = np.zeros((SIZE, SIZE, 3), np.uint8)
    batch = collate(
        [
            Sample(
                image=blank,
                points=(steps * PITCH + 28 + rng.uniform(-2, 2, (count, 2))).astype(np.float32),
                labels=rng.integers(0, len(CLASSES), count),
                places=places,
                grids=(GRID,),
                folder=FOLDERS[number % len(FOLDERS)],
                path=Path(f"{number}.png"),
                image_id=number,
            )
            for number in range(BATCH)
        ]
    )
    heatmap = CODEC.encode(batch.points, batch.labels, batch.pitch, (SIZE, SIZE), 1, len(CLASSES))
    return Targets(heatmap, batch, 1)


def predicted(targets: Targets, contrast: float, floor: float) -> Tensor:
    """Maps whose blobs are a pixel off, of which one in twenty shows the wrong class, with smooth noise."""
    batch, rng = targets.batch, np.random.default_rng(1)
    points = batch.points + torch.from_numpy(rng.normal(0, 0.7, batch.points.shape)).float()
    labels = torch.where(torch.from_numpy(rng.random(batch.labels.shape) < 0.95), batch.labels, 1 - batch.labels)
    blobs = CODEC.encode(points, labels, batch.pitch, (SIZE, SIZE), 1, len(CLASSES))
    noise = rng.normal(0, 1, (BATCH * len(CLASSES), SIZE, SIZE)).astype(np.float32)
    smooth = np.stack([8 * cv2.GaussianBlur(plane, (0, 0), 4) for plane in noise]).reshape(blobs.shape)
    return (contrast * blobs + floor + 0.8 * torch.from_numpy(smooth)).sigmoid()


def measure(metrics: list[GroupedMetric], heatmap: Tensor, peaks: list[Peaks], targets: Targets) -> None:
    """A validation of one batch."""
    for metric in metrics:
        metric.reset()
        metric.update(heatmap, peaks, targets)
        metric.compute()


def plain_measure(heatmap: np.ndarray, peaks: list[Peaks], targets: Targets) -> tuple[float, float, float, float]:
    """MSE, AP, PCK and F1, map by map and peak by peak."""
    truth, batch = targets.heatmap.numpy(), targets.batch
    mse = float(((heatmap - truth) ** 2).mean(axis=(2, 3)).sum(axis=1).mean())
    pairs = zip(truth.reshape(-1, SIZE * SIZE), heatmap.reshape(-1, SIZE * SIZE), strict=True)
    ap = float(np.mean([average_precision_score(real >= 0.5, scores) for real, scores in pairs]))
    correct = matched = found = 0
    for index, own in enumerate(peaks):
        cells, classes = batch.points[index].numpy(), batch.labels[index].numpy()
        free, limit = np.ones(len(cells), bool), 0.5 * batch.pitch[index].numpy()
        for point, label in zip(own.points.numpy(), own.labels.numpy(), strict=True):  # the highest peak first
            distance = np.where(classes == label, np.hypot(*(cells - point).T), np.inf)
            correct += int(distance.min() <= 20)
            distance[~free | (distance > limit)] = np.inf
            if np.isfinite(distance.min()):
                free[distance.argmin()] = False
                matched += 1
        found += len(own.points)
    return mse, ap, correct / max(found, 1), 2 * matched / (found + batch.labels.numel())
