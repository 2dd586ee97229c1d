"""Several samples in one picture, each smaller: small codes, and many of them, without drawing new pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np
from torch.utils.data import Dataset

from cellmark.coordinates import resize_points
from cellmark.data.records import Sample
from cellmark.data.sampling import Key
from cellmark.errors import CellmarkError


def mosaic(samples: Sequence[Sample], side: int) -> Sample:
    """One sample of ``side`` x ``side`` samples, each shrunk by ``side``.

    Args:
        samples: ``side`` squared samples of one size; name, folder and id of the first are kept.
        side: whole number, at least 2.

    Returns:
        A sample of the same size. Where ``side`` does not divide it, pixels at its right and lower rim are black.
    """
    first = samples[0]
    height, width = first.image.shape[:2]
    rows, cols = height // side, width // side
    image = np.zeros_like(first.image)
    points, labels, places = [], [], []
    grids: list[tuple[int, int] | None] = []
    for number, sample in enumerate(samples):
        top, left = (number // side) * rows, (number % side) * cols
        image[top : top + rows, left : left + cols] = cv2.resize(
            sample.image, (cols, rows), interpolation=cv2.INTER_AREA
        )
        points.append(resize_points(sample.points, (cols / width, rows / height)) + np.array([left, top], np.float32))
        labels.append(sample.labels)
        places.append(sample.places + np.array([len(grids), 0], np.int64))
        grids.extend(sample.grids)
    return replace(
        first,
        image=image,
        points=np.concatenate(points).astype(np.float32),
        labels=np.concatenate(labels),
        places=np.concatenate(places),
        grids=tuple(grids),
    )


def checked_shares(shares: Mapping[int, float]) -> dict[int, float]:
    """The probability of a mosaic of each side, as ``Mosaics`` takes them.

    Raises:
        CellmarkError: a side that is no whole number of at least 2, or probabilities that are none, alone or together.
    """
    if not all(isinstance(side, int) and side >= 2 for side in shares):
        raise CellmarkError(f"data.mosaic={dict(shares)}: whole sides of at least 2 are needed")
    if not all(share >= 0 for share in shares.values()):  # false for NaN, too
        raise CellmarkError(f"data.mosaic={dict(shares)}: probabilities from 0 to 1 are needed")
    if sum(shares.values()) > 1:
        raise CellmarkError(f"data.mosaic={dict(shares)}: the probabilities are more than 1 together")
    return {side: float(share) for side, share in shares.items()}


class Mosaics(Dataset[Sample]):
    """A dataset some of whose samples are mosaics of it; the same for the same seed, whatever the number of workers."""

    def __init__(self, dataset: Dataset[Sample], length: int, shares: Mapping[int, float], seed: int) -> None:
        """Wraps a dataset.

        Args:
            dataset: asked by keys (epoch, index).
            length: number of its samples.
            shares: probability of a mosaic of each side, as in ``{2: 0.2, 4: 0.1}``.
            seed: of the choice.

        Raises:
            CellmarkError: see ``checked_shares``.
        """
        self.shares = checked_shares(shares)
        self.dataset, self.length, self.seed = dataset, length, seed

    def __len__(self) -> int:
        """Number of samples of an epoch."""
        return self.length

    def __getitem__(self, key: Key) -> Sample:
        """The sample ``key = (epoch, index)``, or a mosaic that begins with it."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index, 1])
        drawn = rng.random()
        for side, share in self.shares.items():
            if drawn < share:
                others = rng.integers(self.length, size=side * side - 1).tolist()
                return mosaic([self.dataset[epoch, k] for k in [index, *others]], side)
            drawn -= share
        return self.dataset[key]
