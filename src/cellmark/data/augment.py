"""Online augmentation: albumentations on image and points together."""

import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cellmark.data.records import Sample
from cellmark.errors import CellmarkError

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version at import
import albumentations as A
from albumentations.core.composition import BaseCompose

_OWN = "cellmark.data.augmentation"
# Transforms that part picture and points: by how many pixels (measured with blobs at 97x141 px), what to use instead.
# Upstream: albumentations issues 856, 1209, 2285, AlbumentationsX issue 529.
REPLACED = {
    "Resize": ("0.2", "data.size"),
    "LongestMaxSize": ("0.2", "data.size"),
    "SmallestMaxSize": ("0.2", "data.size"),
    "RandomScale": ("1.2", f"{_OWN}.projective.Scale"),
    "Perspective": ("0.2", f"{_OWN}.projective.Perspective"),
    "ElasticTransform": ("2.1", f"{_OWN}.fields.Elastic"),
    "OpticalDistortion": ("2.1", f"{_OWN}.fields.Stretch"),
    "GridDistortion": ("2.6", f"{_OWN}.fields.Stretch"),
    "MotionBlur": ("2.4", f"{_OWN}.blur.MotionBlur"),
    "Defocus": ("0.5", "albumentations.GaussianBlur"),
    "Downscale": ("3.4", "albumentations.GaussianBlur"),
    "ZoomBlur": ("5", "albumentations.GaussianBlur"),
    "GlassBlur": ("2.5", "albumentations.GaussianBlur"),
}
# Those that were measured and keep them together, to 0.1 px. Others that move or cut pictures are refused unseen.
EXACT = {
    *("NoOp", "HorizontalFlip", "VerticalFlip", "Transpose", "D4", "SquareSymmetry", "RandomRotate90"),
    *("Affine", "Rotate", "SafeRotate"),
    *("Crop", "CenterCrop", "RandomCrop", "RandomCropFromBorders", "Pad", "PadIfNeeded"),
    *("CoarseDropout", "GridDropout", "PixelDropout"),
}


class Augment:
    """Applies a list of albumentations transforms; the same seed gives the same result."""

    def __init__(self, transforms: Sequence[Any], p: float = 1.0) -> None:
        """Composes the transforms.

        Args:
            transforms: albumentations transforms in the order in which they are applied.
            p: probability of augmenting a sample at all.

        Raises:
            CellmarkError: an argument that a transform does not know, or a transform whose points are off, or may be.
        """
        for transform in _every(transforms):
            _refuse(transform)
        # remove_invisible would drop points on the outermost half pixel, and cells under a hole of CoarseDropout (its
        # issue 1469). A hidden cell is still a cell: its neighbours tell its place, so it stays.
        moving = any("keypoints" in transform.available_keys for transform in _every(transforms))
        keypoints = A.KeypointParams("xy", label_fields=["index"], remove_invisible=False) if moving else None
        self.compose = A.Compose(list(transforms), keypoint_params=keypoints, p=p) if transforms else None

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """A changed copy of ``sample``; points that left the image are gone, with all that was known of them."""
        if self.compose is None:
            return sample
        # One stream for all transforms. set_random_seed would start each of them at the same number: those of a low
        # probability would then only ever come together with all those of a higher one.
        self.compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        result = self.compose(image=sample.image, keypoints=sample.points, index=np.arange(len(sample.points)))
        image = np.ascontiguousarray(result["image"])
        points = np.asarray(result["keypoints"], np.float32).reshape(-1, 2)
        index = np.asarray(result["index"], np.int64).reshape(-1)
        height, width = image.shape[:2]
        inside = ((points >= -0.5) & (points < [width - 0.5, height - 0.5])).all(axis=1)
        return sample.select(index[inside], image, points[inside])


def _every(transforms: Sequence[Any]) -> Iterator[Any]:
    """All transforms, also those inside of OneOf and its like."""
    for transform in transforms:
        if isinstance(transform, BaseCompose):
            yield from _every(transform.transforms)
        else:
            yield transform


def _refuse(transform: Any) -> None:
    """Turns what would pass with a warning, or unseen, into an error."""
    name = type(transform).__name__
    if transform.invalid_args:
        raise CellmarkError(f"augment: {name} has no argument {', '.join(transform.invalid_args)}")
    if not type(transform).__module__.startswith("albumentations."):
        return
    if name in REPLACED:
        deviation, instead = REPLACED[name]
        raise CellmarkError(f"augment: {name} moves picture and points apart by {deviation} px; use {instead}")
    if isinstance(transform, A.DualTransform) and name not in EXACT:
        raise CellmarkError(
            f"augment: nobody measured whether {name} keeps picture and points together; there are "
            f"{_OWN}.warp.Warp and albumentations' {', '.join(sorted(EXACT))}"
        )
