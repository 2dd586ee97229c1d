import numpy as np
import pytest
import zxingcpp

from cellmark.symbology import SYMBOLS, Symbol, by_shape, finder

every_symbol = pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: f"{symbol.rows}x{symbol.cols}")


def written(symbol: Symbol, text: str) -> np.ndarray:
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, version=symbol.number)
    return np.array(barcode.to_image(scale=1, add_quiet_zones=False)) == 0


def random_digits(symbol: Symbol, seed: int) -> str:
    """Full to the last codeword: two digits take one, from 130 to 229."""
    digits = np.random.default_rng(seed).integers(10, size=2 * symbol.data_codewords)
    return "".join(map(str, digits))


@every_symbol
def test_shape_and_fixed_modules_are_those_that_zxing_writes(symbol: Symbol) -> None:
    grids = np.stack([written(symbol, random_digits(symbol, seed)) for seed in range(30)])
    assert grids.shape[1:] == symbol.shape
    constant = np.where(grids.all(axis=0), 1, np.where((~grids).all(axis=0), 0, -1))
    fixed = finder(symbol)
    np.testing.assert_array_equal(constant[fixed >= 0], fixed[fixed >= 0])
    # Of the other modules only the first bit of a data codeword stays as it is, and the filler in the corner.
    filler = (fixed < 0).sum() - 8 * symbol.codewords
    assert (constant[fixed < 0] >= 0).sum() == filler + symbol.data_codewords


@every_symbol
def test_data_codewords_are_just_what_zxing_can_fit(symbol: Symbol) -> None:
    with pytest.raises(ValueError, match="too long"):
        written(symbol, random_digits(symbol, 0) + "1")


@every_symbol
def test_codewords_fill_the_data_modules(symbol: Symbol) -> None:
    modules = int((finder(symbol) < 0).sum())
    assert modules == np.prod(symbol.regions) * np.prod(symbol.region_shape)
    assert modules - 8 * symbol.codewords in (0, 4)  # 4: the filler
    assert symbol.check_codewords % symbol.blocks == 0
    assert -(-symbol.codewords // symbol.blocks) <= 255


def test_the_table_is_complete_and_without_doubles() -> None:
    assert [symbol.number for symbol in SYMBOLS] == list(range(1, 49))
    assert len(by_shape) == 48
    assert all(by_shape[symbol.rows, symbol.cols] is symbol for symbol in SYMBOLS)


def test_the_finder_of_the_smallest_symbol() -> None:
    fixed = finder(by_shape[10, 10])
    assert fixed[0].tolist() == [1, 0] * 5
    assert fixed[:, -1].tolist() == [0, 1] * 5
    assert (fixed[:, 0] == 1).all()
    assert (fixed[-1] == 1).all()
    assert (fixed[1:-1, 1:-1] == -1).all()


def test_the_finder_is_shared_and_cannot_be_written() -> None:
    fixed = finder(SYMBOLS[0])
    assert finder(SYMBOLS[0]) is fixed
    with pytest.raises(ValueError, match="read-only"):
        fixed[0, 0] = 0
