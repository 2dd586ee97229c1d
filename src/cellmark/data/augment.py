"""Online augmentation: albumentations on image and points together."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cellmark.data.records import Sample

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version at import
import albumentations as A


class Augment:
    """Applies a list of albumentations transforms; the same seed gives the same result."""

    def __init__(self, transforms: Sequence[Any], p: float = 1.0) -> None:
        """Composes the transforms.

        Args:
            transforms: albumentations transforms in the order in which they are applied.
            p: probability of augmenting a sample at all.
        """
        keypoints = A.KeypointParams("xy", label_fields=["labels"], remove_invisible=False)
        self.compose = A.Compose(list(transforms), keypoint_params=keypoints, p=p) if transforms else None

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """A changed copy of ``sample``; points that left the image are gone, with their labels."""
        if self.compose is None:
            return sample
        self.compose.set_random_seed(seed)
        result = self.compose(image=sample.image, keypoints=sample.points, labels=sample.labels)
        image = np.ascontiguousarray(result["image"])
        points = np.asarray(result["keypoints"], np.float32).reshape(-1, 2)
        labels = np.asarray(result["labels"], np.int64)
        height, width = image.shape[:2]
        inside = ((points >= -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=1)
        return replace(sample, image=image, points=points[inside], labels=labels[inside])
