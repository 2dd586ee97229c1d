"""Random payloads as real ECC 200 symbols: the grid of modules that everything else draws."""

from dataclasses import dataclass

import numpy as np
import zxingcpp

from cellmark.errors import CellmarkError
from cellmark.symbology import SYMBOLS

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MIXED = DIGITS + CAPITALS + CAPITALS.lower() + " .,:;-+/=#*()"


@dataclass(frozen=True)
class Version:
    """One size of ECC 200.

    Attributes:
        number: the number by which the encoder knows it.
        rows: modules in a column, finder and timing included.
        cols: modules in a row.
        codewords: data codewords that fit.
        weight: how often it is drawn, relative to the others; the sizes that industry uses come first.
    """

    number: int
    rows: int
    cols: int
    codewords: int
    weight: float

    @property
    def side(self) -> int:
        """The longer side in modules."""
        return max(self.rows, self.cols)


@dataclass(frozen=True)
class Symbol:
    """A payload and its modules: ``modules`` is bool (rows, cols), True where black, row 0 the timing row."""

    text: str
    modules: np.ndarray


WEIGHTS = {
    **{1: 6.0, 2: 9.0, 3: 9.0, 4: 10.0, 5: 9.0, 6: 8.0, 7: 7.0, 8: 6.0, 9: 5.0},
    **{10: 2.5, 11: 1.8, 12: 1.4, 13: 1.2, 14: 1.2},
    **dict.fromkeys(range(15, 25), 0.3),  # 52x52 and more: rare, and they only fit where the picture is large
    **{25: 3.0, 26: 3.0, 27: 3.0, 28: 2.5, 29: 2.5, 30: 2.0},
    **dict.fromkeys(range(31, 49), 0.4),  # DMRE
}
VERSIONS = tuple(
    Version(symbol.number, symbol.rows, symbol.cols, symbol.data_codewords, WEIGHTS[symbol.number])
    for symbol in SYMBOLS
)


def draw_version(rng: np.random.Generator, longest: float, even: bool = False) -> Version:
    """Draws a size whose longer side has at most ``longest`` modules.

    Args:
        rng: source of randomness.
        longest: side of the largest size, modules.
        even: the rare sizes almost as often as the common ones.

    Raises:
        CellmarkError: not even the smallest symbol is that small.
    """
    fitting = [version for version in VERSIONS if version.side <= longest]
    if not fitting:
        raise CellmarkError(
            f"the smallest code has {VERSIONS[0].side} modules a side, but only {longest:.1f} fit into "
            "the image: make size larger or min_pitch smaller"
        )
    weights = np.array([version.weight for version in fitting]) ** (0.4 if even else 1.0)
    return fitting[int(rng.choice(len(fitting), p=weights / weights.sum()))]


def draw_symbol(rng: np.random.Generator, version: Version) -> Symbol:
    """Encodes a random payload that fits ``version``."""
    text = _payload(rng, version.codewords)
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, version=version.number)
    modules = np.array(barcode.to_image(scale=1, add_quiet_zones=False)) == 0
    if modules.shape != (version.rows, version.cols):
        raise CellmarkError(f"the encoder made a symbol of {modules.shape} for {version}")
    return Symbol(text, modules)


def _payload(rng: np.random.Generator, codewords: int) -> str:
    """A text that fits for certain: two digits, or one other character, take at most one codeword."""
    filled = rng.uniform(0.7, 1.0)
    kind = rng.integers(3)
    if kind == 0:
        return _letters(rng, DIGITS, max(1, int(2 * codewords * filled)))
    length = max(1, int(codewords * filled))
    if kind == 1:
        groups = [_letters(rng, CAPITALS if rng.random() < 0.4 else DIGITS, 4) for _ in range(length // 5 + 1)]
        return "-".join(groups)[:length].rstrip("-")
    return _letters(rng, MIXED, length).strip() or "A"


def _letters(rng: np.random.Generator, alphabet: str, count: int) -> str:
    return "".join(alphabet[index] for index in rng.integers(len(alphabet), size=count))
