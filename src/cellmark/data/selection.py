"""Some images of a folder, chosen to be looked at."""

from collections.abc import Sequence

import numpy as np

from cellmark.data.annotations import Visibility, classes_of
from cellmark.data.augment import Augment
from cellmark.data.dataset import load_sample
from cellmark.data.records import Folder, ImageRecord, Sample

VERSIONS = 4  # augmented ones of an image, beside the one that they start from


def evenly(records: Sequence[ImageRecord], most: int) -> list[ImageRecord]:
    """At most ``most`` records, evenly spaced from the first to the last."""
    places = np.linspace(0, len(records) - 1, min(most, len(records))).round().astype(int)
    return [records[place] for place in places.tolist()]


def cells_of(record: ImageRecord, visibility: Visibility) -> tuple[np.ndarray, np.ndarray]:
    """All keypoints of an image: float64 (N, 2) x, y in pixels of the file, int64 (N,) class or -1 for not labelled."""
    points = [np.empty((0, 2)), *(code.keypoints[:, :2] for code in record.codes)]
    labels = [np.empty(0, np.int64), *(classes_of(code, visibility) for code in record.codes)]
    return np.concatenate(points), np.concatenate(labels)


def versions(
    folder: Folder,
    augment: Augment,
    size: tuple[int, int],
    visibility: Visibility,
    seed: tuple[int, int],
    images: int,
) -> list[list[Sample]]:
    """Some samples of a folder, each as it is and in `VERSIONS` augmented versions, drawn anew for each image.

    Args:
        folder: with sound images.
        augment: what changes the samples.
        size: height and width of the network's input in pixels.
        visibility: v -> class index, or None.
        seed: all randomness hangs on it and on the place of the image.
        images: how many, evenly chosen.
    """
    rows = []
    for index, record in enumerate(evenly(folder.images, images)):
        sample = load_sample(folder.name, record, size, visibility)
        seeds = np.random.SeedSequence([*seed, index]).generate_state(VERSIONS).tolist()
        rows.append([sample, *(augment(sample, one) for one in seeds)])
    return rows
