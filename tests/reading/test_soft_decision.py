"""Decoding by likelihood, against slow versions: what checks are, what they say, and which word contradicts least."""

from itertools import combinations, product

import numpy as np
import pytest
import reedsolo

from cellmark.reading.correction import MAX_RISK, correct, log_luck
from cellmark.reading.soft_decision import _least_contradicting, _said, _solved, likely_words, parity_checks
from cellmark.symbology import SYMBOLS, by_shape
from tests.reading.payloads import codewords_at, random_symbol


def encoded(rng, length, checks):
    codec = reedsolo.RSCodec(checks, fcr=1, prim=0x12D, generator=2)
    data = rng.integers(256, size=length - checks, dtype=np.uint8)
    return np.frombuffer(bytes(codec.encode(data.tobytes())), np.uint8)


def bits_of(words):
    return np.unpackbits(words[:, None], axis=1) == 1


def noisy(rng, bits, noise):
    """Log odds as they are right for Gaussian noise."""
    seen = np.where(bits, 1.0, -1.0) + rng.normal(0, noise, bits.shape)
    return 2 * seen / noise**2


def rank(matrix):
    return int((_solved(matrix, np.arange(matrix.shape[1]))[1] >= 0).sum())


@pytest.mark.parametrize(("length", "checks"), [(8, 5), (24, 12), (62, 28), (120, 48)])
def test_words_of_the_code_fulfil_the_checks(length, checks):
    rng = np.random.default_rng(length)
    matrix = parity_checks(length, checks)
    assert matrix.shape == (8 * checks, 8 * length) and rank(matrix) == 8 * checks
    for _ in range(5):
        word = encoded(rng, length, checks)
        assert not (matrix.astype(int) @ bits_of(word).ravel() % 2).any()
        spoilt = word.copy()
        spoilt[rng.integers(length)] ^= 1 << rng.integers(8)
        assert (matrix.astype(int) @ bits_of(spoilt).ravel() % 2).any()


def test_checks_are_solved_for_the_first_bits_that_they_can_determine():
    rng = np.random.default_rng(1)
    matrix = parity_checks(12, 7)
    order = rng.permutation(96)
    solved, determined = _solved(matrix, order)
    assert len(set(determined)) == 56 and (solved[:, determined] == np.eye(56)).all()
    assert rank(np.concatenate([matrix, solved])) == 56  # the same checks, combined
    place = np.argsort(order)
    for bit in set(order[: place[determined].max()]) - set(determined):  # left out, since those before determine it
        earlier = [other for other in order[: place[bit]] if other in set(determined)]
        assert rank(matrix[:, [*earlier, bit]].T.copy()) == len(earlier)


@pytest.mark.parametrize("seed", range(5))
def test_the_word_with_up_to_two_changes_that_contradicts_least(seed):
    rng = np.random.default_rng(seed)
    length, checks = 4, 2
    odds = noisy(rng, bits_of(encoded(rng, length, checks)), 0.9).ravel()
    moved = odds + rng.normal(0, 0.5, odds.shape)
    solved, determined = _solved(parity_checks(length, checks), np.argsort(np.abs(moved)))
    found = _least_contradicting(solved, determined, odds, moved > 0)

    free = sorted(set(range(8 * length)) - set(determined))
    costs = {}
    for change in [(), *combinations(free, 1), *combinations(free, 2)]:
        bits = moved > 0
        bits[list(change)] ^= True
        for check, bit in zip(solved, determined, strict=True):
            bits[bit] = (check[free] * bits[free]).sum() % 2
        costs[tuple(bits)] = np.abs(odds)[bits != (odds > 0)].sum()
    assert tuple(found) == min(costs, key=lambda bits: costs[bits])


def test_what_a_check_says_is_what_its_other_bits_make_likely():
    odds = np.array([0.8, -1.7, 2.2, 0.4, -0.9])
    checks = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1]], np.uint8)
    p = 1 / (1 + np.exp(-odds))
    expected = np.zeros(5)
    for check in checks:
        held = np.flatnonzero(check)
        for bit in held:
            share = np.zeros(2)
            others = [other for other in held if other != bit]
            for values in product((0, 1), repeat=len(others)):
                share[sum(values) % 2] += np.prod(
                    [p[o] if v else 1 - p[o] for o, v in zip(others, values, strict=True)]
                )
            expected[bit] += np.log(share[1] / share[0])  # an odd number of ones asks for a one
    np.testing.assert_allclose(_said(checks, odds), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_all_words_are_of_the_code(seed):
    rng = np.random.default_rng(seed)
    codec = reedsolo.RSCodec(14, fcr=1, prim=0x12D, generator=2)
    for word in likely_words(rng.normal(0, 2, (32, 8)), 14):
        assert codec.check(word.tobytes())[0]


def test_more_is_read_than_by_giving_up_codewords():
    symbol = by_shape[18, 18]
    rng = np.random.default_rng(3)
    read = {"erasures": 0, "likelihood": 0}
    for seed in range(40):
        _, grid = random_symbol(symbol, "ascii digits", seed)
        true = codewords_at(grid, symbol)
        cells = 1 / (1 + np.exp(-noisy(rng, bits_of(true), 0.68)))  # 7 % of the bits are wrong
        for means in read:
            solution = correct(cells, symbol, means=means)
            assert solution is None or (solution.codewords == true).all()
            read[means] += solution is not None
    assert read["likelihood"] >= 36 and read["erasures"] <= 10


@pytest.mark.parametrize("shape", [(10, 10), (14, 14), (52, 52), (8, 32)])
def test_every_block_is_read(shape):
    symbol = by_shape[shape]
    rng = np.random.default_rng(4)
    _, grid = random_symbol(symbol, "ascii digits", 4)
    true = codewords_at(grid, symbol)
    cells = 1 / (1 + np.exp(-noisy(rng, bits_of(true), 0.5)))
    solution = correct(cells, symbol, means="likelihood")
    assert solution is not None and (solution.codewords == true).all()
    words = np.packbits(cells > 0.5, axis=1)[:, 0]
    assert solution.errors == (words != true).sum() > 0 and solution.erasures == 0


def test_pure_chance_is_not_believed():
    rng = np.random.default_rng(5)
    small = [symbol for symbol in SYMBOLS if symbol.codewords <= 60]
    for turn in range(60):
        symbol = small[turn % len(small)]
        cells = 1 / (1 + np.exp(-rng.normal(0, rng.uniform(1, 8), (symbol.codewords, 8))))
        assert correct(cells, symbol, means="likelihood") is None


def test_the_risk_is_that_of_the_whole_block():
    symbol = by_shape[12, 12]
    rng = np.random.default_rng(6)
    true = codewords_at(random_symbol(symbol, "ascii digits", 6)[1], symbol)
    cells = 1 / (1 + np.exp(-noisy(rng, bits_of(true), 0.55)))
    solution = correct(cells, symbol, means="likelihood")
    assert solution is not None
    assert solution.risk == pytest.approx(256.0**symbol.data_codewords * np.exp(log_luck(cells, bits_of(true))))
    assert solution.risk <= MAX_RISK
    assert correct(cells, symbol, solution.risk / 2, means="likelihood") is None
