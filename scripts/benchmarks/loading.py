"""Loading one training sample of 512x512 with its target heatmaps, beside the plain way."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from benchmarks.timing import Row, milliseconds
from cellmark.cli.configs import config_folder
from cellmark.data.augment import Augment
from cellmark.data.batch import Batch, collate
from cellmark.data.check import load_root
from cellmark.data.dataset import load_sample
from cellmark.data.generate.dataset import Parameters, write
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE, ImageRecord, Sample
from cellmark.heatmaps.codec import GaussianCodec

SIZE, SIGMA, BATCH, IMAGES = 512, 2.0, 8, 4  # images of each of the six conditions
VISIBILITY = {NOT_LABELLED: None, BLACK: 0, WHITE: 1}
PRESETS = ("none", "report", "warped", "strong")
_COLOUR = [A.RandomBrightnessContrast(0.3, 0.2, p=0.7), A.ColorJitter(p=0.3), A.RandomGamma((80, 120), p=0.3)]
_SENSOR = [
    A.OneOf([A.GaussNoise(std_range=(0.01, 0.05)), A.ISONoise()], p=0.3),
    A.OneOf([A.MotionBlur(5), A.GaussianBlur(blur_limit=5)], p=0.2),
]
_REPORT = [
    A.HorizontalFlip(p=0.15),
    A.Rotate(15, p=0.85),
    A.Affine(scale=(0.9, 1.1), translate_percent=(-0.06, 0.06), p=0.5),
    *_COLOUR,
    A.HueSaturationValue(10, 20, 15, p=0.3),
    *_SENSOR,
]
PLAIN = {  # the presets in albumentations' own transforms, one after another
    "none": [A.NoOp()],
    "report": _REPORT,
    "warped": [*_REPORT, A.GridDistortion(p=0.3), A.ElasticTransform(alpha=60, sigma=10, p=0.5)],
    "strong": [
        A.D4(),
        A.Affine(rotate=(-180, 180), scale=(0.7, 1.3), translate_percent=(-0.1, 0.1), p=0.7),
        A.Perspective((0.0, 0.12), p=0.5),
        A.ElasticTransform(alpha=60, sigma=10, p=0.4),
        A.GridDistortion(p=0.3),
        A.RandomShadow(p=0.25),
        *_COLOUR,
        *_SENSOR,
        A.CoarseDropout(p=0.25),
        A.ImageCompression(quality_range=(40, 95), p=0.25),
    ],
}


def rows() -> list[Row]:
    """Milliseconds a sample in one process with one thread, as in a worker of the loader: the mean over 24 images.

    Ours reads, fits, augments, collates and renders batches of 8. The plain way, the report's, takes one sample
    after another: Pillow, albumentations' own transforms, a window of a heatmap for every rounded keypoint.
    """
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for _ in write(Path(folder, "data"), Parameters(IMAGES, SIZE, 0, (0.0, 1.0)), workers=1):
            pass
        found = load_root(Path(folder, "data"), VISIBILITY)
        records = [record for one in found for record in one.images]
        ours = [milliseconds(loading(records, name), 5) / len(records) for name in PRESETS]
        plain = [milliseconds(plain_loading(records, name), 1) / len(records) for name in PRESETS]
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])
    limits = ["at most 20" if name == "report" else "" for name in PRESETS]
    names = [f"load a sample, augment={name}" for name in PRESETS]
    return [Row(*values, "ms") for values in zip(names, ours, limits, plain, strict=True)]


def loading(records: Sequence[ImageRecord], preset: str) -> Callable[[], None]:
    """What loads and renders all images once; other draws at every call."""
    augment: Augment = instantiate(OmegaConf.load(config_folder() / "augment" / f"{preset}.yaml"))
    codec, calls = GaussianCodec(SIGMA), iter(range(1_000_000))

    def load() -> None:
        call = next(calls)
        for first in range(0, len(records), BATCH):
            samples: list[Sample] = []
            for index, record in enumerate(records[first : first + BATCH], start=first):
                sample = load_sample("f", record, (SIZE, SIZE), VISIBILITY)
                samples.append(augment(sample, 1000 * call + index))
            batch: Batch = collate(samples)
            codec.encode(batch.points, batch.labels, batch.pitch, (SIZE, SIZE), 1, 2)

    return load


def plain_loading(records: Sequence[ImageRecord], preset: str) -> Callable[[], None]:
    """What loads image, augmentation and heatmaps of one sample after another."""
    compose = plain_augmentation(preset)

    def load() -> None:
        for record in records:
            plain_sample(record, compose)

    return load


def plain_augmentation(preset: str) -> A.Compose:
    """The preset in albumentations' own transforms."""
    keypoints = A.KeypointParams("xy", label_fields=["labels"], remove_invisible=False)
    return A.Compose(PLAIN[preset], keypoint_params=keypoints, seed=0)


def plain_sample(record: ImageRecord, compose: A.Compose) -> tuple[torch.Tensor, torch.Tensor]:
    """Image float32 (3, SIZE, SIZE) and heatmaps float32 (2, SIZE, SIZE)."""
    image = np.asarray(Image.open(record.path).convert("RGB").resize((SIZE, SIZE)))
    keys = np.concatenate([code.keypoints for code in record.codes])
    keys = keys[keys[:, 2] != NOT_LABELLED]
    points = (keys[:, :2] * [SIZE / record.width, SIZE / record.height]).astype(np.float32)
    result = compose(image=image, keypoints=points, labels=keys[:, 2])
    tensor = torch.tensor(result["image"]).permute(2, 0, 1).contiguous().float() / 255
    return tensor, plain_heatmaps(np.asarray(result["keypoints"]), np.asarray(result["labels"]))


def plain_heatmaps(points: np.ndarray, labels: np.ndarray) -> torch.Tensor:
    """A Gaussian in a window around each point, at whole pixels, one point after another."""
    maps, reach = np.zeros((2, SIZE, SIZE), np.float32), int(4 * SIGMA)
    for (x, y), label in zip(np.rint(points).astype(int), labels, strict=True):
        if not (0 <= x < SIZE and 0 <= y < SIZE):
            continue
        top, left = max(0, y - reach), max(0, x - reach)
        window = maps[int(label == WHITE), top : y + reach + 1, left : x + reach + 1]
        rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]].astype(np.float32)
        np.maximum(window, np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * SIGMA**2)), out=window)
    return torch.from_numpy(maps)
