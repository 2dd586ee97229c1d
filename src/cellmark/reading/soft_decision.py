"""Reed-Solomon by likelihood: every bit counts as much as it is sure, not whole codewords as right, wrong or unknown.

The cells of a codeword are eight bits, and one doubtful bit spoils all eight for a decoder of codewords. But a code
over GF(256) is a binary code, too: multiplication with a number is linear over its bits, so c check codewords on n are
8 c parity checks on 8 n bits. Here these are used:

* Ordered statistics (M. P. C. Fossorier and S. Lin, Soft-decision decoding of linear block codes based on ordered
  statistics, IEEE Trans. Information Theory 41 (1995)). Checks are solved for the 8 c least sure bits that they can
  determine. The other bits are taken as seen, but for any two of them; each choice gives a word of the code, and the
  one that contradicts the odds least is kept. All pairs together are one product of matrices.
* Belief propagation (J. Jiang and K. R. Narayanan, Iterative soft-input soft-output decoding of Reed-Solomon codes by
  adapting the parity-check matrix, IEEE Trans. Information Theory 52 (2006)). What the solved checks say of every bit
  moves its odds a little. Then other bits are the least sure, and the first step is done again.

There is always a word that contradicts least: whether it is to be believed is for ``correction`` to say.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from cellmark.reading.reed_solomon import power_times

TURNS = 4
MOVED = 0.15  # share of what the checks say that is added to the odds in a turn
SURE = 25.0  # largest log odds


def likely_words(odds: np.ndarray, checks: int) -> Iterator[np.ndarray]:
    """Words of the code that contradict the odds little, one each turn.

    Args:
        odds: float (n, 8), log odds that a bit is 1, most significant first.
        checks: c, how many of the n codewords are check codewords; they are the last.

    Yields:
        uint8 (n,), all of them words of the code.
    """
    given = odds.ravel()
    moved = given.copy()
    for turn in range(TURNS):
        solved, determined = _solved(parity_checks(len(odds), checks), np.argsort(np.abs(moved), kind="stable"))
        yield np.packbits(_least_contradicting(solved, determined, given, moved > 0))
        if turn < TURNS - 1:
            moved = np.clip(moved + MOVED * _said(solved, moved), -SURE, SURE)


@lru_cache(maxsize=64)
def parity_checks(length: int, checks: int) -> np.ndarray:
    """The binary checks of the code: uint8 0 or 1 (8 c, 8 n), whose product with any word's bits is even.

    Check j of the code is: the sum of w_p a^(j (n-1-p)) is zero, for j = 1 ... c.
    """
    powers = np.outer(np.arange(1, checks + 1), np.arange(length - 1, -1, -1))
    products = power_times(powers[..., None], 1 << np.arange(7, -1, -1))  # (c, n, 8), each single bit times the power
    bits = np.unpackbits(products[..., None], axis=-1)
    return np.ascontiguousarray(bits.transpose(0, 3, 1, 2).reshape(8 * checks, 8 * length))


def _solved(matrix: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Jordan elimination over GF(2): one bit after another gets a check of its own, as long as there are checks.

    Args:
        matrix: uint8 0 or 1 (m, N), of rank m.
        order: int (N,) of bits, those first that shall be determined by checks.

    Returns:
        The same checks (m, N), combined; and int (m,), which bit each of them alone holds.
    """
    packed, determined = np.packbits(matrix, axis=1), np.full(len(matrix), -1)
    left = len(matrix)
    for bit in order:
        holding = packed[:, bit >> 3] >> (7 - (bit & 7)) & 1 == 1
        free = np.flatnonzero(holding & (determined < 0))
        if not len(free):
            continue
        own = free[0]
        holding[own] = False
        packed[holding] ^= packed[own]
        determined[own] = bit
        left -= 1
        if not left:
            break
    return np.unpackbits(packed, axis=1)[:, : matrix.shape[1]], determined


def _least_contradicting(solved: np.ndarray, determined: np.ndarray, odds: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The word's bits, bool (N,), with up to two of the bits that no check determines other than seen.

    A word costs the sum of the absolute odds of the bits that it contradicts. With s = 1 where a determined bit agrees
    with its check, else -1, and with A = -1 where a check holds a free bit, else 1, changing the free bits j and k
    makes it s A_j A_k: the costs of all pairs are a product of matrices.
    """
    free = np.setdiff1d(np.arange(len(odds)), determined)
    among = solved[:, free]
    signs = 1 - 2 * among.astype(np.float32)
    weight = np.abs(odds).astype(np.float32)
    against = np.where(seen == (odds > 0), weight, -weight)[free]  # what a change of a free bit costs
    follows = among @ seen[free] % 2 == 1
    agreeing = np.where(follows == (odds > 0)[determined], weight[determined], -weight[determined])
    single = against - agreeing @ signs / 2
    pairs = against[:, None] + against - (signs * agreeing[:, None]).T @ signs / 2
    np.fill_diagonal(pairs, np.inf)
    changes = [(-float(agreeing.sum()) / 2, ()), (float(single.min()), (int(single.argmin()),))]
    if len(free) > 1:
        changes.append((float(pairs.min()), divmod(int(pairs.argmin()), len(free))))
    bits = seen.copy()
    bits[free[list(min(changes)[1])]] ^= True
    bits[determined] = among @ bits[free] % 2 == 1
    return bits


def _said(solved: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """What the checks say of each bit (N,), by the other bits that they hold: log odds, in sum.

    With t = tanh(odds / 2) a check says 2 artanh of the product of the others' -t, turned round: with ``odds`` for 1
    instead of 0, t has the other sign, and so has what comes out.
    """
    t = np.clip(np.abs(np.tanh(odds / 2)), 1e-6, 1 - 1e-6)
    logs, ones = np.log(t), (odds > 0).astype(np.float32)
    checks = solved.astype(np.float32)
    others = np.exp(np.minimum((checks @ logs)[:, None] - logs, -1e-7))
    odd = (checks @ ones)[:, None] - ones  # ones among the others: an odd number asks for a one
    said: np.ndarray = (checks * np.where(odd % 2 == 1, 2.0, -2.0) * np.arctanh(others)).sum(axis=0)
    return said
