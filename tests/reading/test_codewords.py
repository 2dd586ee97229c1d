import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cellmark.reading.codewords import read_grid
from cellmark.reading.correction import MAX_RISK, chance, correct, schedule
from cellmark.reading.placement import draw
from cellmark.symbology import SYMBOLS, Symbol, by_shape, finder
from tests.reading.damage import block_of, cells_of, chosen, sure, unseen, with_wrong
from tests.reading.payloads import ALPHABETS, codewords_at, random_symbol

every_symbol = pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: f"{symbol.rows}x{symbol.cols}")
SINGLE = [symbol for symbol in SYMBOLS if symbol.blocks == 1]


@every_symbol
def test_every_encodation_is_read(symbol: Symbol) -> None:
    for kind in ALPHABETS:
        if kind == "utf-8" and symbol.data_codewords < 12:
            continue  # the declaration leaves no room
        text, grid = random_symbol(symbol, kind, symbol.number)
        reading = read_grid(sure(grid), symbol)
        assert reading is not None, kind
        if kind == "base 256":  # no character set is declared, and the library guesses one
            assert reading.payload == text.encode("latin-1")
        else:
            assert reading.text == text
        np.testing.assert_array_equal(reading.grid, grid)
        assert (reading.errors, reading.erasures, reading.flipped, reading.border) == (0, 0, 0, 1.0)
        assert reading.spare == symbol.check_codewords // symbol.blocks


@every_symbol
def test_errors_are_corrected_up_to_the_limit_in_every_block(symbol: Symbol) -> None:
    rng = np.random.default_rng(symbol.number)
    checks = symbol.check_codewords // symbol.blocks
    text, grid = random_symbol(symbol, "ascii digits", 4)
    damaged = with_wrong(rng, grid, symbol, chosen(rng, symbol, checks // 2))
    reading = read_grid(sure(damaged), symbol)
    assert reading is not None
    assert reading.text == text
    np.testing.assert_array_equal(reading.grid, grid)
    np.testing.assert_array_equal(codewords_at(reading.grid, symbol), reading.codewords)
    assert (reading.errors, reading.erasures) == (symbol.blocks * (checks // 2), 0)
    assert reading.spare == checks % 2
    assert reading.flipped == (damaged != grid).sum()


@every_symbol
def test_one_error_more_in_one_block_is_not_read(symbol: Symbol) -> None:
    rng = np.random.default_rng(100 + symbol.number)
    limit = symbol.check_codewords // symbol.blocks // 2
    _, grid = random_symbol(symbol, "ascii digits", 5)
    words = rng.permutation(block_of(symbol, symbol.blocks - 1))[: limit + 1]
    assert read_grid(sure(with_wrong(rng, grid, symbol, words)), symbol) is None


@every_symbol
def test_unseen_codewords_are_restored_up_to_the_rule(symbol: Symbol) -> None:
    rng = np.random.default_rng(200 + symbol.number)
    block = rng.permutation(block_of(symbol, symbol.blocks - 1))
    checks = symbol.check_codewords // symbol.blocks
    # Cells that were not seen at all contradict nothing, so only the code itself speaks for the solution.
    limit = max(count for count in schedule(len(block), checks) if chance(len(block), checks, count, 0) <= MAX_RISK)
    assert limit > checks // 2 or checks == 5  # more than errors alone; on 10x10 just as many, but at far less risk
    text, grid = random_symbol(symbol, "ascii digits", 7)
    reading = read_grid(unseen(sure(grid), symbol, block[:limit]), symbol)
    assert reading is not None
    assert reading.text == text
    np.testing.assert_array_equal(reading.grid, grid)
    assert reading.risk <= MAX_RISK
    assert reading.flipped == 0
    assert reading.spare > 0
    assert read_grid(unseen(sure(grid), symbol, block[: checks + 1]), symbol) is None


def test_a_symbol_of_many_blocks_with_its_check_words_dealt_out_the_other_way() -> None:
    symbol = by_shape[144, 144]
    text, grid = random_symbol(symbol, "ascii digits", 8)
    data, check = np.split(codewords_at(grid, symbol), [symbol.data_codewords])
    # Block b has its check words at b, b + 10, ...; where the dealing goes on after the data, at b + 2, b + 12, ...
    onwards = np.roll(check.reshape(-1, symbol.blocks), 2, axis=1).ravel()
    other = draw(np.concatenate([data, onwards]), symbol)
    reading = read_grid(sure(other), symbol)
    assert reading is not None
    assert reading.text == text
    assert reading.errors == 0


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_errors_and_erasures_together(data: st.DataObject) -> None:
    symbol = data.draw(st.sampled_from(SINGLE))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    length, checks = symbol.codewords, symbol.check_codewords
    erasures = data.draw(st.sampled_from(schedule(length, checks)))
    fitting = [
        errors for errors in range((checks - erasures) // 2 + 1) if chance(length, checks, erasures, errors) <= MAX_RISK
    ]
    assume(fitting)  # else the cells would have to say something
    errors = data.draw(st.sampled_from(fitting))
    text, grid = random_symbol(symbol, "ascii digits", 9)
    words = rng.permutation(symbol.codewords)[: erasures + errors]
    black = unseen(sure(with_wrong(rng, grid, symbol, words)), symbol, words[:erasures])
    reading = read_grid(black, symbol)
    assert reading is not None
    assert reading.text == text
    np.testing.assert_array_equal(reading.grid, grid)


@pytest.mark.parametrize("symbol", [SYMBOLS[0], SYMBOLS[9], SYMBOLS[27], SYMBOLS[34]], ids=str)
def test_a_destroyed_border_is_repainted(symbol: Symbol) -> None:
    text, grid = random_symbol(symbol, "ascii digits", 10)
    fixed = finder(symbol) >= 0
    for border, right in ((1 - sure(grid), 0.0), (np.full(symbol.shape, 0.5), 0.5)):
        reading = read_grid(np.where(fixed, border, sure(grid)), symbol)
        assert reading is not None
        assert reading.text == text
        np.testing.assert_array_equal(reading.grid, grid)
        assert reading.border == right


def test_the_filler_is_repainted_too() -> None:
    symbol = by_shape[12, 12]
    _, grid = random_symbol(symbol, "ascii digits", 11)
    black = sure(grid)
    black[-3:-1, -3:-1] = 1 - black[-3:-1, -3:-1]
    reading = read_grid(black, symbol)
    assert reading is not None
    np.testing.assert_array_equal(reading.grid, grid)


@pytest.mark.parametrize("shape", [(10, 10), (12, 12), (14, 14), (16, 16), (8, 18), (24, 24)])
def test_random_grids_are_never_read(shape: tuple[int, int]) -> None:
    # Every codeword is in doubt, so every step is tried. Expected: below 1e-5 a grid.
    symbol = by_shape[shape]
    rng = np.random.default_rng(12)
    for _ in range(40):
        assert read_grid(rng.random(shape), symbol) is None


def test_a_stricter_rule_refuses_what_the_default_reads() -> None:
    symbol = by_shape[10, 10]
    text, grid = random_symbol(symbol, "ascii digits", 14)
    true = codewords_at(grid, symbol)
    damaged = true.copy()
    damaged[[0, 5]] ^= 0b00111100  # half of the cells contradict: as much as by chance
    reading = read_grid(sure(draw(damaged, symbol)), symbol)
    assert reading is not None
    assert reading.text == text
    assert 1e-6 < reading.risk < 2e-6
    assert read_grid(sure(draw(damaged, symbol)), symbol, max_risk=1e-6) is None
    damaged[0] = true[0]
    assert read_grid(sure(draw(damaged, symbol)), symbol, max_risk=1e-6) is not None


def test_without_erasures_only_errors_are_corrected() -> None:
    symbol = by_shape[16, 16]
    text, grid = random_symbol(symbol, "ascii digits", 15)
    # Half of the guessed bits of an unseen codeword are wrong, so seven of them are more than six errors.
    black = np.where(unseen(sure(grid), symbol, np.arange(7)) == 0.5, np.where(grid, 0.45, 0.55), sure(grid))
    assert read_grid(black, symbol, means="errors") is None
    reading = read_grid(black, symbol)
    assert reading is not None
    assert reading.text == text
    assert reading.erasures > 0


def test_corrected_codewords_without_a_meaning_are_not_read() -> None:
    symbol = by_shape[10, 10]
    _, grid = random_symbol(symbol, "ascii digits", 16)
    zero = np.zeros(symbol.codewords, dtype=np.uint8)  # a word of every linear code; codeword 0 means nothing
    assert correct(cells_of(zero), symbol) is not None
    assert read_grid(sure(draw(zero, symbol)), symbol) is None
    assert read_grid(sure(grid), symbol) is not None


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_values_that_are_no_probabilities_are_refused(bad: float) -> None:
    black = np.full((10, 10), 0.5)
    black[3, 3] = bad
    with pytest.raises(ValueError, match="probabilities"):
        read_grid(black, SYMBOLS[0])


def test_a_grid_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="12x12, the symbol 10x10"):
        read_grid(np.zeros((12, 12)), SYMBOLS[0])
