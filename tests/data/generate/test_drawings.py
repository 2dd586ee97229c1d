"""Pictures as a reader sees them: payload, orientation, classes, sizes."""

import cv2
import numpy as np
import pytest
import zxingcpp

from cellmark.data.generate.layout import arrange
from cellmark.data.generate.scenes import CONDITIONS, RECIPES, Drawing, draw
from cellmark.data.generate.symbols import VERSIONS, Version, draw_symbol, draw_version
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE
from cellmark.errors import CellmarkError


def drawing(condition: str, seed: int, severity: float, size: int = 256) -> Drawing:
    return draw(condition, size, np.random.default_rng([5, seed]), severity)


def read(image: np.ndarray) -> set[str]:
    """The payloads that a classical reader finds in the picture, or in its enlargement."""
    pictures = (image, cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    kind = zxingcpp.BarcodeFormat.DataMatrix
    return {code.text for each in pictures for code in zxingcpp.read_barcodes(each, formats=kind)}


@pytest.fixture(scope="module")
def clean_labels() -> list[Drawing]:
    return [drawing(CONDITIONS[0], seed, 0.0) for seed in range(40)]


def test_clean_labels_are_read(clean_labels: list[Drawing]) -> None:
    codes = [(code.text, read(each.image)) for each in clean_labels for code in each.codes]
    assert np.mean([text in found for text, found in codes]) >= 0.95


def test_ink_lies_under_black_keypoints_only(clean_labels: list[Drawing]) -> None:
    right = []
    for each in clean_labels:
        grey = each.image.mean(axis=2)
        for code in each.codes:
            x, y, v = code.keypoints[code.keypoints[:, 2] != NOT_LABELLED].T
            light = grey[np.rint(y).astype(int), np.rint(x).astype(int)]
            middle = (np.median(light[v == BLACK]) + np.median(light[v == WHITE])) / 2
            right.append(np.mean((light < middle) == (v == BLACK)))
    assert np.mean(right) > 0.995


@pytest.mark.parametrize("condition", CONDITIONS)
def test_keypoints_are_row_major_with_finder_left_and_below(condition: str) -> None:
    for seed in range(4):
        for code in drawing(condition, seed, 0.0).codes:
            assert code.rows is not None and code.cols is not None
            assert code.keypoints.shape == (code.rows * code.cols, 3)
            classes = code.keypoints[:, 2].reshape(code.rows, code.cols)
            assert (classes[:, 0] == BLACK).all()
            assert (classes[-1] == BLACK).all()
            assert (classes[0] == np.where(np.arange(code.cols) % 2, WHITE, BLACK)).all()
            assert (classes[:, -1] == np.where(np.arange(code.rows) % 2, BLACK, WHITE)).all()


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("severity", [0.0, 1.0, 1.5])
def test_pictures_have_the_promised_form_and_repeat(condition: str, severity: float) -> None:
    first, second = (drawing(condition, 3, severity) for _ in range(2))
    assert first.image.shape == (256, 256, 3)
    assert first.image.dtype == np.uint8
    np.testing.assert_array_equal(first.image, second.image)
    assert first.image.std() > 3
    assert [c.text for c in first.codes] == [c.text for c in second.codes]
    assert 1 <= len(first.codes) <= 4


def test_cells_outside_the_picture_are_not_labelled() -> None:
    outside = 0
    for seed in range(60):
        layout = arrange(RECIPES[CONDITIONS[0]].view, 256, np.random.default_rng(seed), 1.5, 5.0)
        for code in layout.codes():
            x, y, v = code.keypoints.T
            inside = (x > -0.5) & (x < 255.5) & (y > -0.5) & (y < 255.5)
            assert ((v == NOT_LABELLED) == ~inside).all()
            outside += int((~inside).sum())
    assert outside > 0


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"{version.rows}x{version.cols}")
def test_every_size_is_encoded_and_readable(version: Version) -> None:
    for seed in range(6):
        symbol = draw_symbol(np.random.default_rng(seed), version)
        grid = np.pad(np.where(symbol.modules, 0, 255).astype(np.uint8), 2, constant_values=255)
        assert read(np.kron(grid, np.ones((4, 4), np.uint8))) == {symbol.text}


def test_every_size_occurs_and_common_ones_more_often() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_version(rng, 48.6).number for _ in range(1500)]
    assert {version.number for version in VERSIONS} == set(drawn)
    assert drawn.count(4) > 3 * drawn.count(14)


def test_the_largest_size_fits_at_the_default_pitch() -> None:
    sides = [
        code.rows
        for seed in range(300, 420)
        for code in arrange(RECIPES[CONDITIONS[4]].view, 256, np.random.default_rng(seed), 1.0, 5.0).codes()
    ]
    assert 48 in sides
    assert 10 in sides


def test_small_pictures_hold_small_codes() -> None:
    for seed in range(3):
        (*codes,) = drawing(CONDITIONS[1], seed, 1.0, size=64).codes
        assert all(code.rows <= 12 for code in codes)


def test_unknown_condition_and_codes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CellmarkError, match="no condition"):
        drawing("7_unheard_of", 0, 0.0)
    with pytest.raises(CellmarkError, match="min_pitch smaller"):
        draw(CONDITIONS[0], 64, np.random.default_rng(0), 0.0, min_pitch=9.0)
