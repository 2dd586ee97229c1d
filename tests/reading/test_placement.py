import numpy as np
import pytest
import reedsolo

from cellmark.reading.placement import draw, placement
from cellmark.symbology import SYMBOLS, Symbol, by_shape, finder
from tests.reading.payloads import codewords_at, random_symbol

every_symbol = pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: f"{symbol.rows}x{symbol.cols}")


@every_symbol
def test_every_data_module_has_one_place_but_for_the_filler(symbol: Symbol) -> None:
    place = placement(symbol)
    assert place.shape == (symbol.codewords, 8, 2)
    uses = np.zeros(symbol.shape, dtype=int)
    np.add.at(uses, tuple(place.reshape(-1, 2).T), 1)
    free = (finder(symbol) < 0).astype(int)
    if free.sum() > 8 * symbol.codewords:
        free[-3:-1, -3:-1] = 0
    np.testing.assert_array_equal(uses, free)


@every_symbol
def test_codewords_of_digits_are_those_of_the_standard(symbol: Symbol) -> None:
    digits, grid = random_symbol(symbol, "ascii digits", 0)
    pairs = [130 + int(digits[index : index + 2]) for index in range(0, len(digits), 2)]
    assert len(pairs) == symbol.data_codewords
    assert codewords_at(grid, symbol)[: len(pairs)].tolist() == pairs


@every_symbol
def test_check_codewords_fit_in_every_block(symbol: Symbol) -> None:
    _, grid = random_symbol(symbol, "ascii digits", 1)
    data, check = np.split(codewords_at(grid, symbol), [symbol.data_codewords])
    codec = reedsolo.RSCodec(symbol.check_codewords // symbol.blocks, fcr=1, prim=0x12D, generator=2)
    for block in range(symbol.blocks):
        words = np.concatenate([data[block :: symbol.blocks], check[block :: symbol.blocks]])
        assert codec.check(words.tobytes()) == [True]


@every_symbol
def test_a_drawn_symbol_is_the_one_that_zxing_writes(symbol: Symbol) -> None:
    _, grid = random_symbol(symbol, "ascii digits", 2)
    np.testing.assert_array_equal(draw(codewords_at(grid, symbol), symbol), grid)


def test_the_first_codewords_of_the_smallest_symbol() -> None:
    # As in the standard's figure: codeword 2 fills the upper left corner, codeword 1 is cut by the right side.
    assert placement(by_shape[10, 10])[0].tolist() == [[3, 7], [3, 8], [4, 7], [4, 8], [4, 1], [5, 7], [5, 8], [5, 1]]
    place = placement(by_shape[10, 10])
    assert place[1].tolist() == [[1, 1], [1, 2], [2, 1], [2, 2], [2, 3], [3, 1], [3, 2], [3, 3]]


def test_the_placement_is_shared_and_cannot_be_written() -> None:
    place = placement(SYMBOLS[0])
    assert placement(SYMBOLS[0]) is place
    with pytest.raises(ValueError, match="read-only"):
        place[0] = 0
