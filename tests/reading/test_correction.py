import numpy as np
import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.reading.correction import MAX_RISK, chance, confidence, correct, log_luck, schedule
from cellmark.symbology import SYMBOLS, by_shape
from tests.reading.damage import block_of, cells_of
from tests.reading.payloads import codewords_at, random_symbol


@pytest.mark.parametrize("shape", [(10, 10), (12, 12), (14, 14), (16, 16), (8, 18), (24, 24)])
def test_one_error_more_is_never_read_wrong(shape: tuple[int, int]) -> None:
    # Wrong with 1.7e-6 (10x10) or less, if the words beyond the limit were spread evenly.
    symbol = by_shape[shape]
    rng = np.random.default_rng(6)
    _, grid = random_symbol(symbol, "ascii digits", 6)
    true = codewords_at(grid, symbol)
    for _ in range(60):
        damaged = true.copy()
        words = rng.permutation(symbol.codewords)[: symbol.check_codewords // 2 + 1]
        damaged[words] ^= rng.integers(1, 256, size=len(words), dtype=np.uint8)
        assert correct(cells_of(damaged), symbol) is None


@pytest.mark.parametrize(("shape", "erasures", "errors"), [((10, 10), 3, 1), ((10, 10), 4, 0), ((12, 12), 5, 1)])
def test_chance_is_the_share_of_random_words_that_are_corrected(
    shape: tuple[int, int], erasures: int, errors: int
) -> None:
    symbol = by_shape[shape]
    codec = reedsolo.RSCodec(symbol.check_codewords, fcr=1, prim=0x12D, generator=2)
    words = np.random.default_rng(13).integers(256, size=(4000, symbol.codewords), dtype=np.uint8)
    corrected = 0
    for word in words:
        try:
            right = codec.decode(word.tobytes(), erase_pos=list(range(erasures)))[1]
        except reedsolo.ReedSolomonError:
            continue
        wrong = np.frombuffer(bytes(right), dtype=np.uint8)[erasures:] != word[erasures:]
        corrected += wrong.sum() <= errors
    expected = len(words) * chance(symbol.codewords, symbol.check_codewords, erasures, errors)
    assert abs(corrected - expected) <= 4 * np.sqrt(expected)


@given(st.integers(0, 2**32 - 1), st.integers(4, 48))
@settings(max_examples=40, deadline=None)
def test_luck_bounds_how_often_random_bits_fit_that_well(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.random(count)
    trials = np.array([np.exp(log_luck(cells, bits)) for bits in rng.random((400, count)) < 0.5])
    for level in (0.5, 0.2, 0.05):
        share = (trials <= level).mean()
        assert share <= level + 4 * np.sqrt(level * (1 - level) / len(trials))


def test_luck_of_cells_that_agree_or_say_nothing() -> None:
    agreeing = np.exp(log_luck(np.full(16, 0.98), np.ones(16, dtype=bool)))
    assert 2.0**-16 <= agreeing < 2.0**-15  # the bound nears the true probability
    assert log_luck(np.full(16, 0.5), np.ones(16, dtype=bool)) == 0.0
    assert log_luck(np.full(16, 0.98), np.zeros(16, dtype=bool)) == 0.0
    assert log_luck(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0


@pytest.mark.parametrize("shape", [(10, 10), (12, 12)])
def test_the_risk_bounds_how_often_random_cells_are_corrected(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # With rules so loose that there is something to count; several tries a grid add up.
    monkeypatch.setattr("cellmark.reading.correction.MAX_CHANCE", 0.1)
    schedule.cache_clear()
    symbol = by_shape[shape]
    rng = np.random.default_rng(19)
    accepted = sum(correct(rng.random((symbol.codewords, 8)), symbol, max_risk=0.02) is not None for _ in range(800))
    tries = len(schedule(symbol.codewords, symbol.check_codewords))
    schedule.cache_clear()
    assert 0 < accepted <= 800 * 0.02 * tries


def test_doubtful_cells_that_agree_let_more_be_erased() -> None:
    symbol = by_shape[16, 16]
    rng = np.random.default_rng(20)
    _, grid = random_symbol(symbol, "ascii digits", 20)
    true = codewords_at(grid, symbol)
    faint = cells_of(true, doubtful=8)
    faint[:8, 0] = 1 - faint[:8, 0]  # one wrong cell in each of eight codewords
    wrong = faint.copy()
    wrong[:8] = np.where(rng.random((8, 8)) < 0.5, 0.1, 0.9)
    for cells in (faint, wrong):
        cells[[12, 15], 3] = 1 - cells[[12, 15], 3]  # and two more that seem sure
    assert chance(24, 12, 8, 2) > MAX_RISK
    solution = correct(faint, symbol)
    assert solution is not None
    np.testing.assert_array_equal(solution.codewords, true)
    assert (solution.erasures, solution.errors) == (8, 2)
    assert correct(wrong, symbol) is None  # the same solution, but the cells speak against it


def test_full_correction_without_erasures_is_within_the_default_risk() -> None:
    for symbol in SYMBOLS:
        length, checks = len(block_of(symbol, 0)), symbol.check_codewords // symbol.blocks
        assert chance(length, checks, 0, checks // 2) <= MAX_RISK
        assert chance(length, checks, checks, 0) == 1.0


def test_confidence_is_that_of_the_two_least_certain_cells() -> None:
    cells = np.random.default_rng(17).random((12, 8))
    for trust, word in zip(confidence(cells), cells, strict=True):
        certain = sorted(max(cell, 1 - cell) for cell in word)
        assert trust == pytest.approx(certain[0] * certain[1])
