import shutil

import numpy as np
import pytest
import torch

from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.dataset import CellDataset, load_sample
from cellmark.data.sampling import EpochSampler
from cellmark.errors import CellmarkError


def module(root, **options) -> FoldersDataModule:
    settings = {
        "classes": ["black", "white"],
        "size": (64, 64),
        "val_folder": "fold0",
        "batch_size": 4,
        "seed": 3,
    }
    data = FoldersDataModule(str(root), **(settings | options))
    data.setup("fit")
    return data


def noise(sample, seed):
    """An augmentation that shows its seed."""
    from dataclasses import replace

    image = np.random.default_rng(seed).integers(0, 256, sample.image.shape, dtype=np.uint8)
    return replace(sample, image=image)


def epoch(data, number):
    loader = data.train_dataloader()
    loader.batch_sampler.sampler.set_epoch(number)
    return list(loader)


@pytest.mark.parametrize("workers", [1, 2])
def test_samples_do_not_depend_on_workers(plain_root, workers):
    alone = epoch(module(plain_root, num_workers=0, augment=noise), 1)
    shared = epoch(module(plain_root, num_workers=workers, augment=noise), 1)
    assert len(alone) == len(shared) == 3
    for one, other in zip(alone, shared, strict=True):
        assert one.paths == other.paths
        assert torch.equal(one.images, other.images) and torch.equal(one.points, other.points)


def test_epochs_differ_and_seeds_differ(plain_root):
    data = module(plain_root, num_workers=0, augment=noise)
    first, second = epoch(data, 0), epoch(data, 1)
    other = epoch(module(plain_root, num_workers=0, augment=noise, seed=4), 0)
    assert [b.paths for b in first] != [b.paths for b in second]
    assert [b.paths for b in first] != [b.paths for b in other]


def test_validation_is_in_order_and_not_augmented(plain_root):
    data = module(plain_root, num_workers=0, augment=noise)
    images = torch.cat([batch.images for batch in data.val_dataloader()])
    expected = [data.dataset("val")[0, k].image for k in range(6)]
    np.testing.assert_allclose(images.permute(0, 2, 3, 1).numpy() * 255, np.stack(expected), atol=1e-3)
    assert data.counts() == {"train": 12, "val": 6, "test": 0}


def test_points_scale_with_the_image(plain_root):
    data = module(plain_root)
    folder = data.folders["val"][0]
    record = folder.images[0]
    small = load_sample(folder.name, record, (64, 64), data.visibility)
    large = load_sample(folder.name, record, (128, 192), data.visibility)
    assert large.image.shape == (128, 192, 3)
    np.testing.assert_allclose(large.points, (small.points + 0.5) * 2 - 0.5, atol=1e-4)
    assert set(small.labels.tolist()) == {0, 1}


def test_points_know_their_code_and_their_place_in_it(plain_root):
    data = module(plain_root, classes=["black"], visibility_to_class={0: None, 1: None, 2: "black"})
    sample = data.dataset("val")[0, 0]
    code = data.folders["val"][0].images[0].codes[0]
    assert sample.grids == ((10, 10),) and set(sample.places[:, 0].tolist()) == {0}
    np.testing.assert_allclose(sample.points, code.keypoints[sample.places[:, 1], :2], atol=1e-4)
    assert (code.keypoints[sample.places[:, 1], 2] == 2).all()


def test_unified_mode_has_one_class(plain_root):
    data = module(plain_root, classes=["cell"], visibility_to_class={0: None, 1: "cell", 2: "cell"})
    assert set(data.dataset("val")[0, 0].labels.tolist()) == {0}


def test_unlabelled_points_are_left_out(plain_root):
    data = module(plain_root, classes=["black"], visibility_to_class={0: None, 1: None, 2: "black"})
    sample = data.dataset("val")[0, 0]
    assert 0 < len(sample.points) < 100 and set(sample.labels.tolist()) == {0}


def test_broken_data_is_refused_or_skipped(plain_root, tmp_path, caplog):
    root = shutil.copytree(plain_root, tmp_path / "root")
    broken = root / "fold1" / "002.png"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(CellmarkError, match=r"002\.png"):
        module(root)
    data = module(root, on_error="skip")
    assert data.counts()["train"] == 11
    assert "002.png" in caplog.text


def test_sampler_gives_every_index_once():
    sampler = EpochSampler(10, seed=1, shuffle=True)
    sampler.set_epoch(3)
    assert len(sampler) == 10
    assert sorted(sampler) == [(3, k) for k in range(10)] and list(sampler) == list(sampler)


def test_dataset_length(plain_root):
    data = module(plain_root)
    assert len(CellDataset(data.folders["train"], (64, 64), data.visibility)) == 12


@pytest.mark.parametrize("size", [[1, 1], [31, 64], [64, 0]])
def test_an_input_too_small_for_a_network_is_refused(plain_root, size):
    with pytest.raises(CellmarkError, match=r"data\.size=.*: 32 pixels or more are needed"):
        module(plain_root, size=size)
