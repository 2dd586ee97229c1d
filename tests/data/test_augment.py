import warnings

import albumentations as A
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from cellmark.cli.configs import config_folder
from cellmark.data.augment import REPLACED, Augment
from cellmark.data.augmentation.blur import MotionBlur
from cellmark.data.augmentation.noise import GaussNoise
from cellmark.data.check import load_root
from cellmark.data.dataset import CellDataset
from cellmark.data.sampling import EpochSampler
from cellmark.errors import CellmarkError

from .blobs import blob_sample, sample_of

PRESETS = sorted(path.stem for path in (config_folder() / "augment").glob("*.yaml"))


def preset(name: str) -> Augment:
    return instantiate(OmegaConf.load(config_folder() / "augment" / f"{name}.yaml"))


def test_labels_stay_with_their_points_when_others_leave():
    half = Augment([A.Crop(x_min=48, y_min=0, x_max=96, y_max=96)])
    points = np.array([[20.0, 20.0], [60.0, 30.0], [10.0, 50.0], [80.0, 70.0]])
    result = half(blob_sample(points, labels=np.array([5, 6, 7, 8])), seed=0)
    assert result.labels.tolist() == [6, 8]
    assert result.places.tolist() == [[0, 1], [0, 3]]
    np.testing.assert_allclose(result.points, [[12, 30], [32, 70]])


def test_no_point_is_left_and_then_there_are_some():
    corner = Augment([A.Crop(x_min=0, y_min=0, x_max=10, y_max=10)])
    for sample in (blob_sample([[50.0, 50.0]]), sample_of(np.zeros((96, 96, 3), np.uint8), np.empty((0, 2)))):
        nothing = corner(sample, seed=0)
        assert nothing.points.shape == (0, 2) and nothing.labels.shape == (0,) and nothing.places.shape == (0, 2)
    assert corner(blob_sample([[50.0, 50.0], [5.0, 6.0]]), seed=0).labels.tolist() == [1]


def test_points_on_the_outermost_half_pixel_and_hidden_cells_stay():
    points = np.array([[-0.4, 20.0], [95.4, 95.4], [40.0, 40.0]])
    hide = A.CoarseDropout(num_holes_range=(1, 1), hole_height_range=(90, 90), hole_width_range=(90, 90), p=1)
    result = Augment([hide])(blob_sample(points), seed=0)
    assert result.image[30:50, 30:50].max() == 0
    np.testing.assert_allclose(result.points, points)


@pytest.mark.parametrize("name", PRESETS)
def test_same_seed_same_result(name):
    augment = preset(name)
    one = blob_sample(np.random.default_rng(0).uniform(5, 90, (20, 2)))
    again = [augment(one, 7)]
    for seed in range(12):
        augment(one, seed)
    again += [augment(one, 7), preset(name)(one, 7)]
    for result in again[1:]:
        np.testing.assert_array_equal(again[0].image, result.image)
        np.testing.assert_array_equal(again[0].points, result.points)
    others = [augment(one, seed) for seed in range(12)]
    assert (name == "none") == all(np.array_equal(one.image, other.image) for other in others)


def test_transforms_draw_independently():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 100
    augment = Augment([A.InvertImg(p=0.5), A.ToGray(p=0.5)], p=0.5)
    counts = dict.fromkeys([(False, False), (True, False), (False, True), (True, True)], 0)
    for seed in range(400):
        pixel = augment(sample_of(image, np.empty((0, 2))), seed).image[0, 0]
        counts[bool(pixel[1] > 100), bool(pixel[0] == pixel[1])] += 1
    expected = {(False, False): 250, (True, False): 50, (False, True): 50, (True, True): 50}
    for which, count in counts.items():
        assert abs(count - expected[which]) < 4 * np.sqrt(expected[which]), counts


@pytest.mark.parametrize("name", ["report", "strong"])
def test_samples_do_not_depend_on_the_number_of_workers(name, plain_root):
    folders = load_root(plain_root, {0: None, 1: 1, 2: 0})
    dataset = CellDataset(folders, (96, 64), {0: None, 1: 1, 2: 0}, preset(name), seed=3)
    loaded = []
    for workers in (0, 2):
        sampler = EpochSampler(len(dataset), 3, shuffle=True)
        loaded.append(list(DataLoader(dataset, None, sampler=sampler, num_workers=workers)))
    for one, other in zip(*loaded, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.places, other.places)


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: A.OneOf([A.ToGray(), t])])
def test_an_argument_that_a_transform_does_not_know_is_an_error(wrap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # all that albumentations itself does about it
        transform = A.RandomGamma(gama_limit=(80, 120))
    with pytest.raises(CellmarkError, match="RandomGamma has no argument gama_limit"):
        Augment([wrap(transform)])


def test_transforms_that_part_picture_and_points_are_refused():
    for name, (_, instead) in REPLACED.items():
        arguments = {"height": 9, "width": 9} if name == "Resize" else {}
        arguments |= {"max_size": 9} if name.endswith("MaxSize") else {}
        with pytest.raises(CellmarkError, match=f"{name} moves picture and points apart by .* use {instead}"):
            Augment([getattr(A, name)(**arguments)])
    Augment([MotionBlur([1, 3]), GaussNoise([0, 0.1])])
