"""Samples of the classifier: what a cell's square shows is what its label says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cellmark.data.records import BLACK, NOT_LABELLED, WHITE, Code, Folder, ImageRecord
from cellmark.data.rectified import LOST, WINDOW, RectifiedCodes
from cellmark.data.rectify import CELL, FARTHEST

PITCH = 9


def folder(path: Path, rows=18, cols=30, seed=0, unlabelled=False) -> Folder:
    """One picture of square cells, its upper left one at (20, 30), and what COCO would say of it."""
    rng = np.random.default_rng(seed)
    black = rng.random((rows, cols)) < 0.5
    pixels = np.full((rows * PITCH + 60, cols * PITCH + 60, 3), 128, np.uint8)
    shown = np.where(black, 20, 240).repeat(PITCH, 0).repeat(PITCH, 1)
    pixels[30 : 30 + rows * PITCH, 20 : 20 + cols * PITCH] = shown[..., None]
    Image.fromarray(pixels).save(path / "a.png")
    row, col = np.indices((rows, cols))
    middle = (PITCH - 1) / 2
    marks = np.where(black, BLACK, WHITE)
    if unlabelled:
        marks[: rows // 2] = NOT_LABELLED
    points = np.stack([20 + col * PITCH + middle, 30 + row * PITCH + middle, marks], -1).reshape(-1, 3)
    codes = (Code(1, points, rows, cols), Code(2, points))  # of the second, rows and columns are not known
    return Folder("f", path, (ImageRecord(1, path / "a.png", pixels.shape[1], pixels.shape[0], codes),))


@pytest.mark.parametrize("shape", [(8, 18), (18, 30), (30, 40)])
def test_a_moved_cell_shows_its_label(tmp_path, shape):
    """Where the shift leads, there is the colour of the label."""
    codes = RectifiedCodes([folder(tmp_path, *shape)], 3, augment=False)
    right = total = 0
    for epoch in range(12):
        picture, labels, shift = codes[epoch, 0]
        assert picture.shape == (3, CELL * WINDOW, CELL * WINDOW) and picture.dtype == np.uint8
        assert labels.shape == (WINDOW, WINDOW) and shift.shape == (2, WINDOW, WINDOW)
        rows, cols = np.nonzero((labels >= 0) & (np.linalg.norm(shift, axis=0) < FARTHEST))
        x = (cols + 0.5 + shift[0, rows, cols]) * CELL - 0.5
        y = (rows + 0.5 + shift[1, rows, cols]) * CELL - 0.5
        inside = (x > 0) & (x < CELL * WINDOW - 1) & (y > 0) & (y < CELL * WINDOW - 1)
        seen = picture[0, y[inside].round().astype(int), x[inside].round().astype(int)] < 128
        right += (seen == (labels[rows, cols][inside] == 1)).sum()
        total += inside.sum()
    assert total > 1000 and right / total > 0.9  # the steps differ from cell to cell, the shift takes their mean


def test_shifts_are_limited_and_of_some_size(tmp_path):
    codes = RectifiedCodes([folder(tmp_path)], 0, augment=True)
    shifts = np.stack([codes[epoch, 0][2] for epoch in range(60)])
    sizes = np.linalg.norm(shifts, axis=1)
    assert np.abs(shifts).max() <= LOST and 0.02 < (sizes > FARTHEST).mean() < 0.4
    assert 0.1 < sizes[sizes <= FARTHEST].mean() < 0.35


def test_parts_of_some_lattices_have_slipped_by_a_cell_and_it_is_the_smaller_part(tmp_path):
    codes = RectifiedCodes([folder(tmp_path)], 0, augment=False)
    slipped = []
    for epoch in range(60):
        _, labels, shift = codes[epoch, 0]
        aside = np.abs(np.linalg.norm(shift, axis=0) - 1) < 0.3
        slipped.append(aside[labels >= 0].mean())
    assert max(slipped) < 0.6 and 0.1 < np.mean(np.array(slipped) > 0.15) < 0.6


def test_what_is_not_labelled_does_not_count(tmp_path):
    codes = RectifiedCodes([folder(tmp_path, 18, 18, unlabelled=True)], 0, augment=False)
    for epoch in range(5):
        labels = codes[epoch, 0][1]
        assert set(np.unique(labels)) == {-1.0, 0.0, 1.0} and (labels >= 0).sum() <= 9 * 18


def test_only_codes_of_known_shape_are_used(tmp_path):
    assert len(RectifiedCodes([folder(tmp_path)], 0, augment=True)) == 1


def test_a_sample_hangs_on_seed_epoch_and_index_only(tmp_path):
    one, other = (RectifiedCodes([folder(tmp_path)], seed, augment=True) for seed in (1, 2))
    again = RectifiedCodes([folder(tmp_path)], 1, augment=True)
    one[4, 0]
    for first, second in zip(one[3, 0], again[3, 0], strict=True):
        np.testing.assert_array_equal(first, second)
    assert (one[3, 0][0] != one[4, 0][0]).any() and (one[3, 0][0] != other[3, 0][0]).any()
