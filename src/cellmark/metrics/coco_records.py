"""Annotated and detected codes of an image, and how they travel between processes as one row of numbers."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

ID_PART = 2**20  # float32 is exact for integers up to 2^24: an image id is written in two parts


class Instance(NamedTuple):
    """One code, annotated or detected, with the keypoints that are known of it.

    Attributes:
        places: int64 (K,) row-major place of each keypoint in the grid.
        points: float64 (K, 2) x, y in pixels of the input.
        value: median cell pitch in pixels of an annotated code, score of a detected one.
    """

    places: np.ndarray
    points: np.ndarray
    value: float


class ImageRecord(NamedTuple):
    """The codes of one image.

    Attributes:
        folder: index of its folder.
        image_id: COCO id in its folder.
        annotated: codes that are there.
        detected: codes that were found.
    """

    folder: int
    image_id: int
    annotated: list[Instance]
    detected: list[Instance]


def pack(record: ImageRecord) -> np.ndarray:
    """A record as float32 (n,).

    One-dimensional and float32 is what torchmetrics takes a state for that is empty in one process and not in another.
    """
    parts: list[Sequence[float] | np.ndarray] = [
        [record.folder, *divmod(record.image_id, ID_PART), len(record.annotated), len(record.detected)]
    ]
    for instance in (*record.annotated, *record.detected):
        parts += [[len(instance.places), instance.value], instance.places, instance.points.ravel()]
    return np.concatenate(parts).astype(np.float32)


def unpack(numbers: np.ndarray) -> list[ImageRecord]:
    """The records that were packed and put one after another."""
    records, at = [], 0
    while at < len(numbers):
        folder, high, low, annotated, detected = numbers[at : at + 5].astype(np.int64).tolist()
        instances = list(_instances(numbers, at + 5, annotated + detected))
        records.append(
            ImageRecord(folder, high * ID_PART + low, instances[:annotated], instances[annotated:]),
        )
        at += 5 + sum(2 + 3 * len(instance.places) for instance in instances)
    return records


def _instances(numbers: np.ndarray, at: int, count: int) -> Iterator[Instance]:
    for _ in range(count):
        size, value = int(numbers[at]), float(numbers[at + 1])
        places, points = np.split(numbers[at + 2 : at + 2 + 3 * size], [size])
        yield Instance(places.astype(np.int64), points.reshape(-1, 2).astype(np.float64), value)
        at += 2 + 3 * size
