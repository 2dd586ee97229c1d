"""Mosaics: where their parts and points lie, and which samples become one."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cellmark.data.mosaic import Mosaics, mosaic
from cellmark.errors import CellmarkError
from tests.data.blobs import blob_sample, centroid, sample_of
from tests.data.test_datamodule import epoch, module, noise

PARTS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])  # x, y of each part of 2 x 2


def samples(count, size=(96, 96)):
    """Pictures of five blobs each, far enough from the rim to be whole when shrunk."""
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        grid = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.8, 0.8]]) * (size[1], size[0])
        sample = blob_sample(grid + rng.uniform(-2, 2, grid.shape), labels=rng.integers(0, 2, 5), size=size, sigma=4.0)
        made.append(replace(sample, image_id=10 + number, folder=f"f{number}"))
    return made


@pytest.mark.parametrize(("side", "size"), [(2, (96, 96)), (2, (97, 133)), (3, (160, 128))])
def test_points_stay_on_what_they_mark(side, size):
    parts = samples(side * side, size)
    made = mosaic(parts, side)
    assert made.image.shape == (*size, 3) and made.image.dtype == np.uint8
    assert made.points.dtype == np.float32 and made.points.shape == (5 * side * side, 2)
    for point in made.points:
        seen = centroid(made.image, point, reach=7)
        assert np.abs(seen - point).max() < 0.1
    height, width = size[0] // side, size[1] // side
    for number in range(side * side):
        own = made.points[5 * number : 5 * number + 5]
        left, top = (number % side) * width, (number // side) * height
        assert (own > (left - 0.5, top - 0.5)).all() and (own < (left + width - 0.5, top + height - 0.5)).all()
    assert not made.image[side * height :].any() and not made.image[:, side * width :].any()


def test_all_that_is_known_of_a_point_stays_with_it():
    parts = samples(4)
    parts[1] = replace(parts[1], grids=((10, 10), None), places=np.array([[0, 7], [0, 8], [1, 0], [1, 1], [0, 3]]))
    parts[3] = replace(sample_of(np.zeros((96, 96, 3), np.uint8), np.zeros((0, 2))), grids=())
    made = mosaic(parts, 2)
    assert made.labels.tolist() == [label for part in parts for label in part.labels]
    assert made.grids == (None, (10, 10), None, None)
    expected = [[0, k] for k in range(5)] + [[1, 7], [1, 8], [2, 0], [2, 1], [1, 3]] + [[3, k] for k in range(5)]
    assert made.places.tolist() == expected
    assert made.labels.dtype == made.places.dtype == np.int64
    assert (made.folder, made.path, made.image_id) == ("f0", parts[0].path, 10)


class Recorded:
    """Plain samples whose colour is their index; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def __getitem__(self, key):
        self.asked.append(key)
        return sample_of(np.full((8, 8, 3), key[1], np.uint8), [[2.0, 3.0]])


def colours(sample, side):
    return sample.image[:: 8 // side, :: 8 // side, 0].ravel().tolist()


def test_a_mosaic_begins_with_its_own_sample():
    dataset = Recorded()
    mosaics = Mosaics(dataset, 50, {4: 1.0}, seed=0)
    made = mosaics[3, 7]
    assert len(mosaics) == 50 and len(made.points) == 16
    assert dataset.asked[0] == (3, 7) and {epoch for epoch, _ in dataset.asked} == {3}
    assert colours(made, 4) == [index for _, index in dataset.asked]
    assert len(set(dataset.asked)) > 8 and all(0 <= index < 50 for _, index in dataset.asked)


def test_the_shares_are_those_asked_for():
    mosaics = Mosaics(Recorded(), 200, {2: 0.3, 4: 0.1}, seed=0)
    counts = Counter(len(mosaics[number, index].points) for number in range(10) for index in range(200))
    # Four standard deviations of 2000 draws
    assert counts[4] == pytest.approx(600, abs=82) and counts[16] == pytest.approx(200, abs=54)
    assert sum(counts.values()) == 2000 and set(counts) == {1, 4, 16}


def test_a_sample_depends_on_seed_epoch_and_index_alone():
    def drawn(seed, number):
        mosaics = Mosaics(Recorded(), 40, {2: 0.5}, seed)
        return [mosaics[number, index].image.tobytes() for index in range(40)]

    assert drawn(0, 0) == drawn(0, 0)
    assert drawn(0, 0) != drawn(1, 0) and drawn(0, 0) != drawn(0, 1)
    assert Mosaics(Recorded(), 40, {2: 0.5}, 0)[0, 39].image.tobytes() == drawn(0, 0)[39]


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ({1: 0.5}, "whole sides of at least 2"),
        ({2: -0.1}, "probabilities from 0 to 1"),
        ({2: float("nan")}, "probabilities from 0 to 1"),
        ({2.5: 0.1}, "whole sides of at least 2"),
        ({2: 0.7, 4: 0.4}, "more than 1 together"),
    ],
)
def test_shares_that_cannot_be_are_refused(shares, reason):
    with pytest.raises(CellmarkError, match=f"data.mosaic=.*{reason}"):
        Mosaics(Recorded(), 4, shares, 0)


def test_the_data_module_makes_them_of_training_samples_only(plain_root):
    plain = module(plain_root, num_workers=0, augment=noise)
    data = module(plain_root, num_workers=0, augment=noise, mosaic={2: 0.5})
    without, batches = epoch(plain, 1), epoch(data, 1)
    assert [b.paths for b in batches] == [b.paths for b in without]
    singles = wholes = 0
    for one, other in zip(batches, without, strict=True):
        for row in range(4):
            count = int((one.labels[row] >= 0).sum())
            same = torch.equal(one.images[row], other.images[row])
            assert count == (100 if same else 400)
            singles, wholes = singles + same, wholes + (not same)
            if not same:  # its upper left part is the sample itself
                expected = (other.points[row, :100] + 0.5) / 2 - 0.5
                torch.testing.assert_close(one.points[row, :100], expected, atol=1e-4, rtol=0)
    assert singles and wholes
    for split in ("val_dataloader", "test_dataloader"):
        if data.folders["test"] or split == "val_dataloader":
            for one, other in zip(getattr(data, split)(), getattr(plain, split)(), strict=True):
                assert torch.equal(one.images, other.images)


@pytest.mark.parametrize("workers", [1, 2])
def test_mosaics_do_not_depend_on_workers(plain_root, workers):
    alone = epoch(module(plain_root, num_workers=0, augment=noise, mosaic={2: 0.6}), 2)
    shared = epoch(module(plain_root, num_workers=workers, augment=noise, mosaic={2: 0.6}), 2)
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.points, other.points)


def test_shares_are_refused_before_any_file_is_read(tmp_path):
    with pytest.raises(CellmarkError, match="more than 1 together"):
        module(tmp_path / "nothing", mosaic={2: 1.5})
