"""Random payloads as real ECC 200 symbols: the grid of modules that everything else draws."""

from dataclasses import dataclass

import numpy as np
import zxingcpp

from cellmark.errors import CellmarkError

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


VERSIONS = (
    Version(1, 10, 10, 3, 6.0),
    Version(2, 12, 12, 5, 9.0),
    Version(3, 14, 14, 8, 9.0),
    Version(4, 16, 16, 12, 10.0),
    Version(5, 18, 18, 18, 9.0),
    Version(6, 20, 20, 22, 8.0),
    Version(7, 22, 22, 30, 7.0),
    Version(8, 24, 24, 36, 6.0),
    Version(9, 26, 26, 44, 5.0),
    Version(10, 32, 32, 62, 2.5),
    Version(11, 36, 36, 86, 1.8),
    Version(12, 40, 40, 114, 1.4),
    Version(13, 44, 44, 144, 1.2),
    Version(14, 48, 48, 174, 1.2),
    Version(25, 8, 18, 5, 3.0),
    Version(26, 8, 32, 10, 3.0),
    Version(27, 12, 26, 16, 3.0),
    Version(28, 12, 36, 22, 2.5),
    Version(29, 16, 36, 32, 2.5),
    Version(30, 16, 48, 49, 2.0),
)


def draw_version(rng: np.random.Generator, longest: float) -> Version:
    """Draws a size whose longer side has at most ``longest`` modules.

    Raises:
        CellmarkError: not even the smallest symbol is that small.
    """
    fitting = [version for version in VERSIONS if version.side <= longest]
    if not fitting:
        raise CellmarkError(
            f"the smallest code has {VERSIONS[0].side} modules a side, but only {longest:.1f} fit into "
            "the image: make size larger or min_pitch smaller"
        )
    weights = np.array([version.weight for version in fitting])
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
