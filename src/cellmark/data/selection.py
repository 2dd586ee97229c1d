"""Some images of a folder, chosen to be looked at."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from cellmark.data.annotations import Visibility
from cellmark.data.augment import Augment
from cellmark.data.dataset import load_sample
from cellmark.data.records import Folder, Sample

Item = TypeVar("Item")

VERSIONS = 4  # augmented ones of an image, beside the one that they start from


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most ``most`` items, evenly spaced from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in places.tolist()]


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
