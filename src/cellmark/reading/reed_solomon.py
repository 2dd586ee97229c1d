"""Reed-Solomon as Data Matrix has it, decoded fast: one word, its syndromes once, any number of sets of erasures.

The field is GF(256) with x^8 + x^5 + x^3 + x^2 + 1 (0x12D) and a = 2; a word w of n with c check codewords is right if
its polynomial w_0 x^(n-1) + ... + w_(n-1) is zero at a^1 ... a^c (ISO/IEC 16022, annex E). The codeword at p is
*located* by X = a^(n-1-p). R. E. Blahut, Algebraic Codes for Data Transmission (2003), chapter 7, derives it all:

* Syndromes S(z) = sum of S_(j+1) z^j, with S_j = w(a^j), j = 1 ... c.
* Erasures: G(z) = product of (1 - X z) over the erased places. Of T(z) = S(z) G(z) mod z^c the c - e coefficients from
  z^e on depend on the errors alone and are their syndromes, as the Berlekamp-Massey algorithm wants them.
* It gives L(z), the product of (1 - X z) over the wrong places; they are where L(1 / X) = 0 (Chien).
* Evaluator O(z) = S(z) L(z) G(z) mod z^c = T(z) L(z) mod z^c, and with F = L G the correction at X is
  O(1 / X) / F'(1 / X) (Forney, for a first root a^1; plus and minus are the same here).

Polynomials that are worked on step by step are Python integers of one byte a coefficient, z^0 lowest: a product with z
is a shift, a sum is ^, and a product with a number is ``bytes.translate``, all of it done in C in well below 1 us.
Polynomials that are evaluated at many points are numpy arrays, with tables of logarithms.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

FIELD = 0x12D
ORDER = 255
"""a^255 = 1; also the longest word."""

_NO_LOG = 2 * ORDER
"""Stands for the logarithm of 0: so large that every sum with it points into the zeros at the end of ``_EXP``."""


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Powers of a for exponents from 0 to 2 * _NO_LOG, and logarithms."""
    exp, log = np.zeros(2 * _NO_LOG + 1, dtype=np.uint8), np.full(256, _NO_LOG)
    value = 1
    for exponent in range(ORDER):
        exp[exponent] = exp[exponent + ORDER] = value
        log[value] = exponent
        value = value << 1 ^ (FIELD if value & 0x80 else 0)
    return exp, log


_EXP, _LOG = _tables()
_TIMES = tuple(row.tobytes() for row in _EXP[_LOG[:, None] + _LOG])
"""_TIMES[a][b] = a b in the field."""


def power_times(exponents: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """a^exponent times numbers 1..255 of the field: uint8, of the arrays' common shape."""
    return np.asarray(_EXP[exponents % ORDER + _LOG[numbers]])


class Word:
    """One received word; made once, decoded with as many sets of erasures as one likes.

    Attributes:
        received: uint8 (n,), as given.
        checks: c, how many of them are check codewords.
    """

    def __init__(self, received: np.ndarray, checks: int) -> None:
        """Computes the syndromes.

        Args:
            received: uint8 (n,), the data codewords, then the check codewords.
            checks: c.

        Raises:
            ValueError: no check codewords, no data codewords, or more in all than the field has room for.
        """
        if not 0 < checks < len(received) <= ORDER:
            raise ValueError(f"{checks} check codewords of {len(received)}: 0 < checks < length <= {ORDER} is needed")
        self.received, self.checks = received, checks
        self._at_roots, self._at_places = _powers(len(received), checks)
        self._syndromes = self._syndromes_of(received)

    def decode(self, erased: Iterable[int] = ()) -> np.ndarray | None:
        """The only word of the code that differs in the e erased places and v others, e + 2 v <= c.

        Args:
            erased: places that are known to be doubtful, from 0 to n - 1, none twice.

        Returns:
            A new uint8 (n,); None if there is no such word.
        """
        places = list(erased)
        if len(places) > self.checks:
            return None
        if self._syndromes == 0:
            return self.received.copy()
        modified, erasures = self._erase(places)
        errors = _locator(modified >> 8 * len(places), self.checks - len(places))
        if len(places) + 2 * _degree(errors) > self.checks:
            return None
        wrong = np.flatnonzero(self._at_all_places(errors) == 0).tolist()
        if len(wrong) != _degree(errors) or not set(places).isdisjoint(wrong):
            return None
        right = self._corrected(places + wrong, _product(modified, errors), _product(erasures, errors))
        return right if self._syndromes_of(right) == 0 else None

    def _erase(self, places: list[int]) -> tuple[int, int]:
        """T(z) and G(z): both times (1 - X z) for each place."""
        modified, erasures = self._syndromes, 1
        for place in places:
            root = int(_EXP[len(self.received) - 1 - place])
            modified ^= self._cut(_times(modified, root, self.checks) << 8)
            erasures ^= _times(erasures, root, self.checks) << 8
        return modified, erasures

    def _corrected(self, places: list[int], evaluator: int, locator: int) -> np.ndarray:
        """Forney's formula. Of F' only even powers remain: the derivative of z^i is z^(i-1) for odd i, else 0."""
        even = int.from_bytes(b"\xff\x00" * self.checks, "little")
        top = self._at_all_places(self._cut(evaluator))[places]
        bottom = self._at_all_places(locator >> 8 & even)[places]
        right = self.received.copy()
        right[places] ^= _EXP[_LOG[top] + (ORDER - _LOG[bottom])]  # bottom is not 0: no two places are the same
        return right

    def _syndromes_of(self, word: np.ndarray) -> int:
        return int.from_bytes(_evaluated(word, self._at_roots).tobytes(), "little")

    def _at_all_places(self, polynomial: int) -> np.ndarray:
        """Its values at 1 / X of every place: uint8 (n,)."""
        coefficients = np.frombuffer(polynomial.to_bytes(_degree(polynomial) + 1, "little"), dtype=np.uint8)
        return _evaluated(coefficients, self._at_places)

    def _cut(self, polynomial: int) -> int:
        """Modulo z^c."""
        return polynomial & ((1 << 8 * self.checks) - 1)


@lru_cache(maxsize=64)
def _powers(length: int, checks: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents of a, modulo 255.

    Returns:
        (n, c): X^j of every place for j = 1 ... c; (c + 1, n): X^-i of every place for i = 0 ... c.
    """
    logs = np.arange(length - 1, -1, -1)
    return np.outer(logs, np.arange(1, checks + 1)) % ORDER, np.outer(np.arange(checks + 1), -logs) % ORDER


def _evaluated(coefficients: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Sum of coefficients[i] * a^exponents[i, j] over i: uint8 (j,). Zeros at the end may be missing."""
    logs = _LOG[coefficients][:, None] + exponents[: len(coefficients)]
    return np.asarray(np.bitwise_xor.reduce(_EXP[logs], axis=0))


def _locator(syndromes: int, count: int) -> int:
    """L(z) times a number that is not 0, from the syndromes of the errors alone.

    Berlekamp-Massey without inversion, in the form in which the discrepancies need no sums: D. V. Sarwate and
    N. R. Shanbhag, High-speed architectures for Reed-Solomon decoders, IEEE Trans. VLSI Systems 9 (2001), algorithm
    RiBM. L(z) and the part of S(z) L(z) that is still due are shifted along in one polynomial, whose lowest
    coefficient is always the next discrepancy. They start 2 ``count`` apart here, so that they never meet,
    whatever the degree.
    """
    size = 2 * count + 1
    main = spare = syndromes | 1 << 16 * count
    scale, balance = 1, 0
    for _ in range(count):
        discrepancy, shifted = main & 0xFF, main >> 8
        if discrepancy == 0:
            main = shifted  # the factor ``scale`` may be left out: it changes ``main`` by a number only
            balance += 1
            continue
        main = _times(shifted, scale, size) ^ _times(spare, discrepancy, size)
        if balance >= 0:
            spare, scale, balance = shifted, discrepancy, -balance - 1
        else:
            balance += 1
    return main >> 8 * count


def _times(polynomial: int, factor: int, size: int) -> int:
    """A polynomial of at most ``size`` coefficients times a number."""
    return int.from_bytes(polynomial.to_bytes(size, "little").translate(_TIMES[factor]), "little")


def _product(first: int, second: int) -> int:
    """Two polynomials."""
    size, result = _degree(first) + 1, 0
    for power, factor in enumerate(second.to_bytes(_degree(second) + 1, "little")):
        result ^= _times(first, factor, size) << 8 * power
    return result


def _degree(polynomial: int) -> int:
    """0 for the polynomial 0, too."""
    return max(0, polynomial.bit_length() - 1) // 8
