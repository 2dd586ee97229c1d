"""Transforms of presets that change pixels only: they must not move anything."""

import albumentations as A
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.cli.configs import config_folder
from cellmark.data.augment import Augment
from cellmark.data.augmentation.blur import MotionBlur
from cellmark.data.augmentation.noise import GaussNoise, IsoNoise
from cellmark.errors import CellmarkError

from .blobs import draw_blobs, lattice, sample_of
from .test_augment_geometry import PRESETS, ends

SIZE, REACH = (128, 128), 8
HIDING = ("RandomShadow", "CoarseDropout")  # the centroid of what is half hidden tells nothing


def pixel_transforms():
    """Every transform of every preset that leaves points alone, at both ends of its ranges."""
    found = {}
    for preset in PRESETS:
        nodes = OmegaConf.load(config_folder() / "augment" / f"{preset}.yaml").transforms
        for node in [inner for outer in nodes for inner in outer.get("transforms", [outer])]:
            name = node._target_.rpartition(".")[2]
            if name not in HIDING and "keypoints" not in instantiate(node)._available_keys:
                found |= {f"{preset}-{name}-{end}": ends(node, end) for end in (0, 1)}
    return found


def scene():
    """Grey blobs on grey, so that neither light nor noise is cut off."""
    points = lattice(SIZE, 22, 14)
    return (60 + 0.5 * draw_blobs(points, SIZE)).astype(np.uint8), points


def offsets(image, points):
    """Centroid minus point, (N, 2), of the difference to the picture's ground."""
    found, ground = [], np.median(image)
    line = np.arange(-REACH, REACH + 1)
    weight = np.exp(-(line**2) / (2 * 5.0**2))  # less of the noise far out
    for x, y in points:
        column, row = round(x), round(y)
        box = image[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1].mean(axis=2)
        box = (box - ground) * weight * weight[:, None]
        found.append(np.array([(box.sum(0) * line).sum(), (box.sum(1) * line).sum()]) / box.sum())
    return np.array(found)


PIXELS = pixel_transforms()


@pytest.mark.parametrize("name", PIXELS)
def test_nothing_moves(name):
    image, points = scene()
    augment = Augment([instantiate(PIXELS[name])])
    moved, before = [], offsets(image, points)
    for seed in range(16):
        result = augment(sample_of(image, points), seed)
        np.testing.assert_array_equal(result.points, points.astype(np.float32))
        if np.ptp(result.image) > 20:
            moved.append(offsets(result.image, points) - before)
    assert len(moved) > 10
    mean = np.mean(moved, axis=(0, 1))
    assert np.abs(mean).max() < 0.02, mean
    if "Noise" not in name:
        assert np.abs(np.mean(moved, axis=1)).max() < 0.05  # no single picture is shifted as a whole


def test_the_measurement_sees_a_shift():
    image, points = scene()
    moved = offsets(np.roll(image, 1, axis=1), points) - offsets(image, points)
    assert moved[:, 0].mean() > 0.5
    seen = []
    for seed in range(8):  # what is refused elsewhere, for its kernel is not symmetric
        blurred = A.Compose([A.MotionBlur((9, 9), p=1)], seed=seed)(image=image)["image"]
        seen.append(np.abs((offsets(blurred, points) - offsets(image, points)).mean(axis=0)).max())
    assert max(seen) > 0.3


def test_noise_has_the_deviation_and_the_mean_that_it_says():
    grey = np.full((256, 256, 3), 120, np.uint8)
    sample = sample_of(grey, np.empty((0, 2)))
    noisy = Augment([GaussNoise([0.05, 0.05])])(sample, 1).image.astype(float)
    assert noisy.std() == pytest.approx(0.05 * 255, rel=0.02)
    assert noisy.mean() == pytest.approx(120, abs=0.1)
    assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(noisy[:, 1:].ravel(), noisy[:, :-1].ravel())[0, 1]) < 0.02


def test_iso_noise_grows_with_the_light():
    grey = np.repeat(np.array([40, 160], np.uint8), 128)[None, :, None] * np.ones((256, 1, 3), np.uint8)
    noisy = Augment([IsoNoise([0.1, 0.1], [0.02, 0.02])])(sample_of(grey, np.empty((0, 2))), 1).image.astype(float)
    for half, level in ((noisy[:, :128], 40), (noisy[:, 128:], 160)):
        expected = 255 * np.sqrt(0.1**2 * level / 255 + 0.02**2)
        assert half.std() == pytest.approx(expected, rel=0.03)
        assert (half[..., 0] - half[..., 1]).std() == pytest.approx(255 * 0.02 * np.sqrt(2), rel=0.05)


def test_motion_blur_is_as_long_as_it_says():
    image = np.zeros((64, 64, 3), np.uint8)
    image[32, 32] = 255
    smeared = Augment([MotionBlur([20, 20])])(sample_of(image, np.empty((0, 2))), 3).image[..., 0].astype(float)
    line = np.arange(64) - 32
    variance = (smeared.sum(0) * line**2 + smeared.sum(1) * line**2).sum() / smeared.sum()
    assert np.sqrt(12 * variance) == pytest.approx(20, rel=0.05)  # of a uniform line: length^2 / 12
    with pytest.raises(CellmarkError, match=r"MotionBlur\.length"):
        MotionBlur([-1, 3])
