"""Some samples of a folder as they are, and as augmentation makes them."""

import numpy as np

from cellmark.data.annotations import Visibility
from cellmark.data.augment import Augment
from cellmark.data.dataset import load_sample
from cellmark.data.records import Folder, Sample
from cellmark.data.selection import evenly

VERSIONS = 4  # augmented ones of an image, beside the one that they start from


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
        augment: what changes the samples; without transforms there are no augmented versions.
        size: height and width of the network's input in pixels.
        visibility: v -> class index, or None.
        seed: all randomness hangs on it and on the place of the image.
        images: how many, evenly chosen.
    """
    rows, count = [], VERSIONS if augment.compose else 0
    for index, record in enumerate(evenly(folder.images, images)):
        sample = load_sample(folder.name, record, size, visibility)
        seeds = np.random.SeedSequence([*seed, index]).generate_state(count).tolist()
        rows.append([sample, *(augment(sample, one) for one in seeds)])
    return rows
