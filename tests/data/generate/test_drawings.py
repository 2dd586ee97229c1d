"""Pictures as a reader sees them: payload, orientation, classes, sizes."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import zxingcpp

from cellmark.data.generate.empty import PATTERNS, draw_clutter
from cellmark.data.generate.layout import arrange
from cellmark.data.generate.optics import padded_border
from cellmark.data.generate.recipes import RECIPES
from cellmark.data.generate.rendered import LEAST_CONTRAST, LUMINANCE, colours
from cellmark.data.generate.scenes import ALL_CONDITIONS, CONDITIONS, MIXED, NO_CODE, Drawing, draw
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


@pytest.mark.parametrize("condition", RECIPES)
def test_keypoints_are_row_major_with_finder_left_and_below(condition: str) -> None:
    for seed in range(4):
        for code in drawing(condition, seed, 0.0).codes:
            assert code.rows is not None and code.cols is not None
            assert code.keypoints.shape == (code.rows * code.cols, 3)
            classes = code.keypoints[:, 2].reshape(code.rows, code.cols)
            seen = classes != NOT_LABELLED
            assert seen.all() or RECIPES[condition].view.close
            assert (classes[:, 0] == BLACK)[seen[:, 0]].all()
            assert (classes[-1] == BLACK)[seen[-1]].all()
            assert (classes[0] == np.where(np.arange(code.cols) % 2, WHITE, BLACK))[seen[0]].all()
            assert (classes[:, -1] == np.where(np.arange(code.rows) % 2, BLACK, WHITE))[seen[:, -1]].all()


@pytest.mark.parametrize("condition", RECIPES)
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
    drawn = [draw_version(rng, 48.6).number for _ in range(4000)]
    assert {version.number for version in VERSIONS if version.side <= 48} == set(drawn)
    assert drawn.count(4) > 3 * drawn.count(14)
    evenly = [draw_version(rng, 144, even=True).number for _ in range(3000)]
    assert set(evenly) == {version.number for version in VERSIONS}


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
        drawing("77_unheard_of", 0, 0.0)
    with pytest.raises(CellmarkError, match="min_pitch smaller"):
        draw(CONDITIONS[0], 64, np.random.default_rng(0), 0.0, min_pitch=9.0)


@pytest.mark.parametrize("condition", ["7_rendered", "8_dots", "10_laser_part"])
def test_clean_pictures_of_the_reader_are_read(condition: str) -> None:
    recipe = RECIPES[condition]
    read_, whole = 0, 0
    for seed in range(30):
        each = drawing(condition, seed, 0.0)
        codes = [code for code in each.codes if (code.keypoints[:, 2] != NOT_LABELLED).all()]
        whole += len(codes)
        read_ += sum(code.text in read(each.image) for code in codes)
    assert recipe.view.close > 0
    assert read_ / whole >= {"7_rendered": 0.5, "8_dots": 0.2, "10_laser_part": 0.5}[condition]


def test_the_first_six_conditions_are_those_of_the_report() -> None:
    assert [name[:2] for name in CONDITIONS] == ["1_", "2_", "3_", "4_", "5_", "6_"]
    assert (NO_CODE, *RECIPES, MIXED) == ALL_CONDITIONS


def test_pictures_without_a_code_hold_none() -> None:
    for seed in range(60):
        each = drawing(NO_CODE, seed, 0.02 * seed)
        assert each.codes == ()
        assert each.image.shape == (256, 256, 3)
        assert each.image.dtype == np.uint8
        assert not read(each.image)
    first, second = (draw_clutter(96, np.random.default_rng(3), 0.5) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
def test_patterns_have_the_codes_shape_and_no_finder(pattern: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(1)
    for version in VERSIONS[:30]:
        cells = pattern(rng, (version.rows, version.cols))
        assert cells.shape == (version.rows, version.cols)
        assert cells.dtype == bool
        finder = cells[:, 0].all() and cells[-1].all()
        assert not (finder and (cells[0] == (np.arange(version.cols) % 2 == 0)).all())


def test_ink_and_paper_can_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        ink, paper = colours(rng)
        assert abs(LUMINANCE @ (ink - paper)) > LEAST_CONTRAST


def test_padding_leaves_the_points_and_nothing_far_beyond() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(1, 100, (100, 100, 3), dtype=np.uint8)
    points = np.array([[40.0, 30.0], [60.0, 50.0]])
    for _ in range(30):
        padded = padded_border(rng, image, points, 5.0)
        assert padded.shape == image.shape
        np.testing.assert_array_equal(padded[25:56, 35:66], image[25:56, 35:66])
        assert (padded != image).any()
