from pathlib import Path

import numpy as np
import pytest
import torch

from cellmark.data.batch import cell_pitch, collate
from cellmark.data.records import Sample


def sample(count: int, size: int = 32, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    return Sample(
        image=rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
        points=rng.uniform(0, size, (count, 2)).astype(np.float32),
        labels=rng.integers(0, 2, count),
        places=np.column_stack([np.zeros(count, np.int64), rng.permutation(count)]),
        grids=((1, count),),
        folder="f",
        path=Path("a.png"),
        image_id=seed,
    )


def test_collate_pads_points_and_keeps_pixels():
    samples = [sample(3, seed=1), sample(0, seed=2), sample(5, seed=3)]
    batch = collate(samples)
    assert batch.images.shape == (3, 3, 32, 32) and batch.points.shape == (3, 5, 2)
    assert [(row >= 0).sum().item() for row in batch.labels] == [3, 0, 5]
    for index, one in enumerate(samples):
        np.testing.assert_array_equal(batch.points[index, : len(one.points)].numpy(), one.points)
        np.testing.assert_array_equal(batch.places[index, : len(one.points)].numpy(), one.places)
        np.testing.assert_allclose(batch.images[index].permute(1, 2, 0).numpy() * 255, one.image, atol=1e-4)
    assert len(batch) == 3 and batch.to("cpu").folders == ["f"] * 3


def test_collate_refuses_mixed_sizes():
    with pytest.raises(ValueError, match="one size"):
        collate([sample(1, 32), sample(1, 16)])


def test_pitch_is_the_distance_to_the_nearest_cell():
    rows, columns = np.mgrid[:5, :7]
    points = np.stack([columns.ravel() * 9.0, rows.ravel() * 6.5], axis=1)
    np.testing.assert_allclose(cell_pitch(points, (256, 256)), 6.5)


def test_pitch_of_lonely_cells_is_capped():
    assert cell_pitch(np.zeros((0, 2)), (80, 160)).shape == (0,)
    assert cell_pitch(np.zeros((1, 2)), (80, 160)).tolist() == [10.0]
    assert cell_pitch(np.array([[0.0, 0], [70, 0]]), (80, 160)).tolist() == [10.0, 10.0]
    assert (cell_pitch(np.zeros((2, 2)), (80, 160)) > 0).all()


def test_padding_never_reaches_the_truth():
    batch = collate([sample(2), sample(6)])
    assert torch.equal(batch.labels[0, 2:], torch.full((4,), -1))
