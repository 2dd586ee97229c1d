"""Reading whole pictures, with a network that knows where all cells are."""

from dataclasses import replace

import numpy as np
import pytest

from cellmark.errors import CellmarkError
from cellmark.reading import reader as module
from cellmark.reading.code import Code
from cellmark.reading.placement import draw
from cellmark.reading.reader import FRUITLESS, NOTHING, UNREAD, Reader
from cellmark.symbology import by_shape, finder
from tests.reading.drawn import corners, picture
from tests.reading.payloads import codewords_at
from tests.reading.perfect import canvas, drawn, model_of

NEAR = 0.3  # pixels between corners and the truth; of coarse cells, a hundredth of their pitch


def reader_for(*codes, size, engine="network"):
    return Reader(model_of(codes, size), "cpu", engine)


def read(*codes, size, most=None):
    return reader_for(*codes, size=size).read(canvas(*size), most)


def is_read(code, truth):
    """All that is known of a code that was seen whole and rightly."""
    assert (code.text, code.rows, code.cols, code.engine) == (truth.text, *truth.black.shape, "network")
    near = max(NEAR, truth.pitch / 100)
    assert np.abs(code.corners - truth.corners).max() < near
    assert code.cells.shape == (*truth.black.shape, 2) and np.abs(code.cells - truth.cells).max() < near
    assert (code.cells_found, code.errors_corrected) == (truth.black.size, 0)


def are_read(found, truths):
    assert sorted(code.text for code in found) == sorted(truth.text for truth in truths)
    by_text = {truth.text: truth for truth in truths}
    for code in found:
        is_read(code, by_text[code.text])


@pytest.mark.parametrize("angle", [0, 33, 90, 137, 200, 315])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_code_in_any_position(angle, mirrored, inverted):
    truth = drawn("abc 12", (130.2, 121.7), 9.0, angle, mirrored, inverted)
    (code,) = read(truth, size=(260, 240))
    is_read(code, truth)
    np.testing.assert_array_equal(code.grid, truth.black ^ inverted)


@pytest.mark.parametrize("shape", [(10, 10), (8, 18), (16, 48), (26, 26), (8, 64), (36, 36), (52, 52)])
def test_sizes(shape):
    truth = drawn("Ab1", (330, 340), 8.0, 12, shape=shape)
    (code,) = read(truth, size=(680, 660))
    is_read(code, truth)


def test_several_codes():
    truths = [
        drawn("one", (120, 120), 8.0, 10),
        drawn("two", (330, 140), 11.0, 200, mirrored=True),
        drawn("three", (140, 360), 7.0, 45, shape=(16, 16)),
        drawn("four", (360, 370), 9.0, 80, inverted=True, shape=(8, 18)),
    ]
    are_read(read(*truths, size=(480, 480)), truths)


def test_codes_of_very_different_size_side_by_side():
    truths = [
        drawn("big", (480, 400), 45.0, 8, shape=(14, 14)),
        drawn("small", (1050, 200), 3.6, 20),
    ]  # too fine in the first look
    are_read(read(*truths, size=(1200, 800)), truths)


@pytest.mark.parametrize(("shape", "side"), [((10, 10), 60), ((26, 26), 60), ((16, 36), 130)])
def test_small_codes_in_a_large_picture(shape, side):
    """Their cells are far too fine in the first look: 60 pixels are 31 then."""
    truths = [
        drawn("one", (312.3, 1180.9), side / shape[1], 17, shape=shape),
        drawn("two", (1700.4, 260.2), side / shape[1], 45, shape=shape),
    ]
    are_read(read(*truths, size=(2000, 1500)), truths)


def test_a_code_that_fills_a_large_picture():
    """Its cells are far too coarse in the first look: 88 pixels at a zoom of a half."""
    truth = drawn("large", (1000.0, 750.0), 115.0, 3)
    (code,) = read(truth, size=(2000, 1500))
    is_read(code, truth)


def test_a_tiny_picture_is_enlarged():
    truth = drawn("tiny", (24.2, 23.1), 3.2, 5)
    (code,) = read(truth, size=(48, 46))
    is_read(code, truth)


@pytest.mark.parametrize("seed", range(3))
def test_missing_cells(seed):
    """One in 25: about 9 of the 32 codewords lack a cell, and 14 check codewords are there for them."""
    truth = drawn("with holes", (180, 170), 10.0, 25, shape=(18, 18))
    truth.shown = np.random.default_rng(seed).random(truth.black.shape) > 0.04
    (code,) = read(truth, size=(360, 340))
    assert code.text == "with holes" and code.cells_found == truth.shown.sum()
    assert np.abs(code.corners - truth.corners).max() < truth.pitch / 20  # a corner itself may be missing
    np.testing.assert_array_equal(code.grid, truth.black)


def test_wrong_codewords_are_counted():
    truth = drawn("damage", (180, 170), 10.0, 25, shape=(16, 16))
    symbol = by_shape[16, 16]
    words = codewords_at(truth.black, symbol).copy()
    words[[2, 5, 17]] ^= 0xFF
    damaged = replace(truth, black=draw(words, symbol))
    (code,) = read(damaged, size=(360, 340))
    assert (code.text, code.cells_found, code.errors_corrected) == ("damage", 256, 3)
    np.testing.assert_array_equal(code.grid, truth.black)


def test_an_empty_picture_says_so():
    reader = reader_for(size=(300, 200))
    assert reader.read(canvas(300, 200)) == [] and reader.reason == NOTHING


def test_a_code_that_cannot_be_read_says_so():
    truth = drawn("abc", (130, 120), 9.0, shape=(16, 16))
    chance = np.random.default_rng(0).random(truth.black.shape) < 0.5
    border = finder(truth.symbol)
    truth.black = np.where(border >= 0, border == 1, chance)
    reader = reader_for(truth, size=(260, 240))
    assert reader.read(canvas(260, 240)) == [] and reader.reason == UNREAD


def test_the_reason_is_that_of_the_last_picture():
    truth = drawn("abc", (130, 120), 9.0)
    reader = reader_for(truth, size=(260, 240))
    assert len(reader.read(canvas(260, 240))) == 1 and reader.reason == ""
    reader.eye.network = model_of([], (260, 240)).network
    assert reader.read(canvas(260, 240)) == [] and reader.reason == NOTHING


@pytest.mark.parametrize("most", [1, 2])
def test_reading_stops_when_enough_is_read(most):
    """Their cells are too fine in the first look: each needs a look of its own."""
    truths = [drawn(text, (100 + 200 * k, 110), 3.6, 10 * k) for k, text in enumerate(("one", "two", "six"))]
    reader = reader_for(*truths, size=(620, 220))
    found = reader.read(canvas(620, 220), most)
    assert len(found) == most and {code.text for code in found} < {"one", "two", "six"}
    looks = len(reader.eye.network.looks)
    assert len(reader.read(canvas(620, 220))) == 3 and len(reader.eye.network.looks) - looks > looks


@pytest.mark.parametrize(("side", "gap", "pitch"), [(2, 2, 7.0), (3, 1, 9.0), (3, 2, 7.0)])
def test_a_sheet_of_codes(side, gap, pitch):
    """They lie on one lattice, in which many a rectangle looks a little like a larger code."""
    step = (12 + gap) * pitch
    truths = [drawn(f"c{k}", (100 + step * (k % side), 100 + step * (k // side)), pitch) for k in range(side * side)]
    are_read(read(*truths, size=(600, 580)), truths)


def test_a_small_code_beside_a_large_one():
    """They are one part of the picture; the large one, which fills most of it, is read at once."""
    truths = [drawn("a large one", (300, 300), 8.2, shape=(26, 26)), drawn("B", (459, 300), 3.6)]
    are_read(read(*truths, size=(640, 600)), truths)


def unreadable(middle, seed):
    truth = drawn("abc", middle, 9.0, shape=(16, 16))
    border = finder(truth.symbol)
    chance = np.random.default_rng(seed).random(truth.black.shape) < 0.5
    return replace(truth, black=np.where(border >= 0, border == 1, chance))


def test_after_many_parts_without_a_code_the_rest_is_left():
    middles = [(150 + 250 * (k % 5), 150 + 250 * (k // 5)) for k in range(FRUITLESS + 1)]
    bad = [unreadable(middle, seed) for seed, middle in enumerate(middles)]
    good = drawn("ok", (1100, 700), 3.6)  # the smallest comes last, and the first look cannot read it
    size = (1300, 850)
    reader = reader_for(*bad, good, size=size)
    assert reader.read(canvas(*size)) == [] and reader.reason == UNREAD
    reader = reader_for(*bad[2:], good, size=size)
    assert [code.text for code in reader.read(canvas(*size))] == ["ok"]


def classical(truth):
    return Code(truth.text, *truth.black.shape, truth.corners + 1.5, 0, 0, "classical")


def test_what_the_classical_reader_knows_is_not_told_again(monkeypatch):
    truths = [drawn("one", (110, 110), 8.0), drawn("two", (330, 120), 9.0, 30)]
    known = classical(truths[0])
    monkeypatch.setattr(module, "read_classical", lambda image: [known])
    both = reader_for(*truths, size=(480, 240), engine="both")
    first, second = both.read(canvas(480, 240))
    assert first is known
    is_read(second, truths[1])
    looks = len(both.eye.network.looks)
    assert both.read(canvas(480, 240), 1) == [known] and len(both.eye.network.looks) == looks
    assert len(both.read(canvas(480, 240), 2)) == 2
    are_read(reader_for(*truths, size=(480, 240)).read(canvas(480, 240)), truths)  # the network alone


def test_no_more_are_told_than_asked_for(monkeypatch):
    truths = [drawn("one", (110, 110), 8.0), drawn("two", (330, 120), 9.0, 30)]
    monkeypatch.setattr(module, "read_classical", lambda image: [classical(truth) for truth in truths])
    for engine in ("classical", "both"):
        reader = Reader(model_of(truths, (480, 240)), "cpu", engine)
        assert [code.text for code in reader.read(canvas(480, 240), 1)] == ["one"] and reader.reason == ""


def test_the_same_text_twice_is_two_codes():
    truths = [drawn("one", (110, 110), 8.0), drawn("one", (330, 120), 9.0, 30)]
    found = sorted(read(*truths, size=(480, 240)), key=lambda code: code.corners[0, 0])
    for code, truth in zip(found, truths, strict=True):
        is_read(code, truth)


def test_the_classical_reader_needs_no_model():
    reader = Reader(None, engine="classical")
    (code,) = reader.read(picture(["one"]))
    assert code.engine == "classical" and reader.reason == "" and reader.eye is None
    np.testing.assert_allclose(code.corners, corners(0), atol=2.5)
    assert reader.read(np.full((50, 50, 3), 99, np.uint8)) == [] and reader.reason == NOTHING
    assert Reader(model_of([], (9, 9)), engine="classical").eye is None


@pytest.mark.parametrize("size", [(1, 1), (4000, 3), (2, 900)])
def test_slivers_hold_nothing(size):
    reader = reader_for(size=size)
    assert reader.read(np.full((*size[::-1], 3), 99, np.uint8)) == [] and reader.reason == NOTHING


def test_low_peaks_are_kept_for_the_lattice():
    model = model_of([], (9, 9))
    assert Reader(model, "cpu").eye.codec == replace(model.codec, threshold=0.12)
    lower = replace(model, codec=replace(model.codec, threshold=0.05))
    assert Reader(lower, "cpu").eye.codec.threshold == 0.05


def test_engines_and_devices_that_are_not_there_are_refused():
    model = model_of([], (9, 9))
    with pytest.raises(CellmarkError, match="engine=best: one of classical, network, both is needed"):
        Reader(model, engine="best")
    for engine in ("network", "both"):
        with pytest.raises(CellmarkError, match=f"engine={engine} needs a model"):
            Reader(None, engine=engine)
    with pytest.raises(CellmarkError, match="device=abacus: "):
        Reader(model, "abacus")
    with pytest.raises(CellmarkError, match="classes black and white"):
        Reader(replace(model, classes=("a", "b")), "cpu")
