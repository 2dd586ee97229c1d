"""Noise of sensors, drawn from a table of 256 quantiles: 1 ms at 512x512, where albumentations takes 8 to 17."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import albumentations as A
import cv2
import numpy as np

from cellmark.data.augmentation.ranges import checked_range


def _normal_table() -> np.ndarray:
    """float32 (256,): the middle of each 256th of a normal distribution, scaled to deviation 1."""
    quantiles = np.array([NormalDist().inv_cdf((index + 0.5) / 256) for index in range(256)])
    table: np.ndarray = (quantiles / quantiles.std()).astype(np.float32)
    return table


_NORMAL = _normal_table()
_SIGNAL = np.sqrt(np.arange(256) / 255).astype(np.float32)  # shot noise grows with the root of the light


def normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> np.ndarray:
    """Normal noise, float32, cut off at 2.9 deviations."""
    drawn = np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    return cv2.LUT(drawn, _NORMAL * np.float32(deviation))


class GaussNoise(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """Normal noise, for every pixel and channel on its own."""

    def __init__(self, std: Sequence[float], p: float = 1.0) -> None:
        """Takes the range of the deviation, as a share of full brightness."""
        super().__init__(p=p)
        self.std = checked_range("GaussNoise.std", std, 0, 1)

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        deviation = 255 * self.random_generator.uniform(*self.std)
        return cv2.add(img, normal(self.random_generator, img.shape, deviation), dtype=cv2.CV_8U)


class IsoNoise(A.ImageOnlyTransform):  # type: ignore[misc]  # albumentations has no types
    """What a sensor at high gain adds: grains of brightness that grow with the light, and weaker grains of colour."""

    def __init__(self, std: Sequence[float], colour: Sequence[float], p: float = 1.0) -> None:
        """Takes the ranges of the deviations, as shares of full brightness.

        Args:
            std: of the brightness, where the picture is white.
            colour: of each channel beside that.
            p: probability.
        """
        super().__init__(p=p)
        self.std = checked_range("IsoNoise.std", std, 0, 1)
        self.colour = checked_range("IsoNoise.colour", colour, 0, 1)

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        rng = self.random_generator
        grains = normal(rng, img.shape[:2], 255 * rng.uniform(*self.std))
        grains *= cv2.LUT(cv2.cvtColor(img, cv2.COLOR_RGB2GRAY), _SIGNAL)
        noise = normal(rng, img.shape, 255 * rng.uniform(*self.colour))
        noise += cv2.merge([grains] * 3)
        return cv2.add(img, noise, dtype=cv2.CV_8U)
