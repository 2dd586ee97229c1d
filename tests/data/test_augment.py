from pathlib import Path

import albumentations as A
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.cli.main import config_folder
from cellmark.data.augment import Augment
from cellmark.data.records import Sample

from .blobs import centroid, draw_blobs


def blob_sample(points, labels=None, size=(96, 96)) -> Sample:
    points = np.asarray(points, np.float32)
    labels = np.arange(len(points)) if labels is None else labels
    return Sample(draw_blobs(points, size), points, labels, "f", Path("a.png"), 1)


def geometric(name: str) -> Augment:
    """The transforms of a preset that move points; the others do not."""
    config = OmegaConf.load(config_folder() / "augment" / f"{name}.yaml")
    config.transforms = [t for t in config.transforms if t._target_ == "albumentations.D4"]
    return instantiate(config)


@pytest.mark.parametrize("seed", range(12))
def test_blobs_move_with_their_points_and_labels(seed):
    points = np.array([[20.3, 30.6], [60.2, 25.7], [40.5, 70.1]])
    result = geometric("basic")(blob_sample(points), seed)
    assert sorted(result.labels.tolist()) == [0, 1, 2]
    for point in result.points:
        np.testing.assert_allclose(centroid(result.image, point, 10), point, atol=0.1)


def test_labels_stay_with_their_points_when_others_leave():
    half = Augment([A.Crop(x_min=48, y_min=0, x_max=96, y_max=96)])
    points = np.array([[20.0, 20.0], [60.0, 30.0], [10.0, 50.0], [80.0, 70.0]])
    result = half(blob_sample(points, labels=np.array([5, 6, 7, 8])), seed=0)
    assert result.labels.tolist() == [6, 8]
    np.testing.assert_allclose(result.points, [[12, 30], [32, 70]])


def test_no_point_is_left():
    nothing = Augment([A.Crop(x_min=0, y_min=0, x_max=10, y_max=10)])(blob_sample([[50.0, 50.0]]), seed=0)
    assert nothing.points.shape == (0, 2) and nothing.labels.shape == (0,)


@pytest.mark.parametrize("name", ["none", "basic"])
def test_same_seed_same_result(name):
    augment = instantiate(OmegaConf.load(config_folder() / "augment" / f"{name}.yaml"))
    one = blob_sample([[20.3, 30.6], [60.2, 25.7]])
    first, other = augment(one, 7), augment(one, 8)
    again = augment(one, 7)
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.points, again.points)
    assert (name == "none") == np.array_equal(first.image, other.image)
