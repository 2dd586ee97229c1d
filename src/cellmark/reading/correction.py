"""Reed-Solomon with erasures: which codewords to give up, and how far to trust what comes out.

With c check codewords, a block of n is corrected from e erasures (places known to be doubtful) and v errors (places
unknown) as long as e + 2 v <= c. But a block of pure chance is corrected, too, with a probability of

    chance(e, v) = sum over u <= v of C(n - e, u) * 255 ** (u - (c - e))

because that share of all words lies within v errors of a codeword once e places are free; with every check codeword
spent on erasures it is 1. What saves the day is that erased codewords are doubtful rather than unknown. A solution by
chance contradicts half of their cells, surely seen ones as often as doubtful ones; the right one hardly any sure ones.
``luck`` is the probability of so little contradiction by chance, and so

    risk = chance(e, v) * luck

is the probability that cells of pure chance come this far. Whatever is accepted has at most ``max_risk``, and in any
case a ``chance`` of at most ``MAX_CHANCE``, so that the code itself has always had a say.

Where that gives nothing, the likeliest words (``soft_decision``) are judged by all of their cells: with ``luck`` over
the whole block, the number of words of the code times it,

    risk = 256 ** (n - c) * luck

bounds the probability that any word of the code fits cells of pure chance as well, found or not.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb, exp, log
from typing import Literal

import numpy as np

from cellmark.reading.reed_solomon import Word
from cellmark.reading.soft_decision import likely_words
from cellmark.symbology import SYMBOLS, Symbol

Means = Literal["errors", "erasures", "likelihood"]

MAX_RISK = 2e-6
"""Full correction without erasures always passes: its chance is 1.7e-6 on 10x10, at most 5.2e-8 on all others."""

MAX_CHANCE = 2e-3
"""As the plain rule has it that keeps six check codewords from erasure (four on small symbols), at its worst."""

SUREST = 8.0
"""Log odds of a cell are cut here (0.9997), for networks that are surer than they should be."""

DOUBTFUL = 0.9
"""Only codewords of less confidence are ever erased."""

INFORMED = 0.95
"""Bits of information in a block's cells, for each bit of its data, below which no likely word is looked for."""

SLOPES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""Of Chernoff's bound; any would do, the least one counts."""

STEPS = 12
"""At most so many decodings a block; more gain next to nothing and cost time on hopeless grids."""


@dataclass(frozen=True)
class Correction:
    """A whole message after correction.

    Attributes:
        codewords: uint8 (codewords,), data and check, every block a word of the code.
        errors: codewords that were wrong without having been erased, all blocks together.
        erasures: codewords that were given up beforehand, right or wrong, all blocks together.
        spare: check codewords that nothing was spent on, in the block with the fewest: c - e - 2 v; below zero where
            the likeliest word is further away than plain correction reaches.
        risk: probability that cells of pure chance come this far, in the block where it is greatest.
    """

    codewords: np.ndarray
    errors: int
    erasures: int
    spare: int
    risk: float


def correct(
    cells: np.ndarray, symbol: Symbol, max_risk: float = MAX_RISK, means: Means = "erasures"
) -> Correction | None:
    """Corrects every block.

    Args:
        cells: float (codewords, 8): probability that the bit is 1, most significant first.
        symbol: the size.
        max_risk: accept no solution of greater risk; see the formulas above.
        means: ``errors``: plain correction, in well below a millisecond; ``erasures``: then with ever more codewords
            given up, the least confident first; ``likelihood``: the likeliest words instead, some 10 milliseconds for
            26x26, most of a second for 144x144.

    Returns:
        The solution with the fewest erasures; None if any block has none.
    """
    for blocks in _layouts(symbol):
        parts = []
        for block in blocks:
            part = _correct_block(cells[block], symbol.check_codewords // symbol.blocks, max_risk, means)
            if part is None:
                break
            parts.append(part)
        else:
            return _joined(blocks, parts)
    return None


def confidence(cells: np.ndarray) -> np.ndarray:
    """How far to trust each codeword: the product of max(p, 1 - p) over its two least certain cells.

    All eight cells would be right for independent cells of exact probabilities, and is worse as soon as the
    probabilities are too cautious; the least certain cell alone is somewhat worse with exact ones. (Codes read of
    5,000 with noise of ten kinds: 2,739 with two cells, 2,716 with one, 2,692 with eight.)

    Args:
        cells: float (codewords, 8) of probabilities.

    Returns:
        Float (codewords,), 0.25 where two cells or more were not seen, 1 = certain.
    """
    least = np.partition(np.maximum(cells, 1 - cells), 1, axis=1)[:, :2]
    return np.asarray(least.prod(axis=1))


@lru_cache(maxsize=8192)
def chance(length: int, checks: int, erasures: int, errors: int) -> float:
    """Share of all words that become "right" with so many erasures and up to so many errors; the formula above."""
    known = length - erasures
    return sum(comb(known, count) * 255.0 ** (count - checks + erasures) for count in range(errors + 1))


def log_luck(cells: np.ndarray, bits: np.ndarray) -> float:
    """Logarithm of an upper bound of the probability that random bits contradict the cells as little as these bits do.

    With w the absolute log odds of a cell, T the sum of w over contradicted cells: Chernoff's bound of P(T <= t) for
    fair bits, exp(s t) * product of (1 + exp(-s w)) / 2, which holds for every s > 0. For s = 1 it is the likelihood
    of chance over that of the bits. It holds for wrong probabilities, too; they only make it weaker.

    Args:
        cells: float, probability that a bit is 1.
        bits: bool, of the same shape.
    """
    odds = np.abs(_odds(cells))
    contradicted = odds[(cells > 0.5) != bits].sum()
    bounds = [s * contradicted + np.log((1 + np.exp(-s * odds)) / 2).sum() for s in SLOPES]
    return float(min(0.0, *bounds))


def _odds(cells: np.ndarray) -> np.ndarray:
    """Log odds of the probabilities, up to ``SUREST``."""
    odds: np.ndarray = np.log(np.clip(cells, 1e-9, 1) / np.clip(1 - cells, 1e-9, 1)).clip(-SUREST, SUREST)
    return odds


@lru_cache(maxsize=256)
def schedule(length: int, checks: int) -> tuple[int, ...]:
    """How many codewords of a block to erase, one try after the other; the first is 0.

    Each is the most that a certain number of further errors leaves room for; the counts between gain nothing.
    """
    counts = {0}
    for errors in range(checks // 2 + 1):
        fitting = range(checks - 2 * errors + 1)
        counts |= set([count for count in fitting if chance(length, checks, count, errors) <= MAX_CHANCE][-1:])
    steps = sorted(counts)
    return tuple(steps[round(index)] for index in np.linspace(0, len(steps) - 1, min(STEPS, len(steps))))


@lru_cache(maxsize=len(SYMBOLS))
def _layouts(symbol: Symbol) -> tuple[tuple[np.ndarray, ...], ...]:
    """How codewords are dealt out to blocks: (blocks,) of index arrays, data first, then check.

    In 144x144 the data does not fill the last round. The check codewords begin anew with the first block; but symbols
    are about in which they go on where the data stops, and readers accept both.
    """
    place = np.arange(symbol.codewords)
    anew = np.concatenate([np.arange(symbol.data_codewords), np.arange(symbol.check_codewords)]) % symbol.blocks
    onwards = place % symbol.blocks
    owners = [anew] if np.array_equal(anew, onwards) else [anew, onwards]
    return tuple(tuple(place[owner == block] for block in range(symbol.blocks)) for owner in owners)


def _correct_block(cells: np.ndarray, checks: int, max_risk: float, means: Means) -> Correction | None:
    if means == "likelihood":
        return _likeliest(cells, checks, max_risk)
    return _with_erasures(cells, checks, max_risk, schedule(len(cells), checks) if means == "erasures" else (0,))


def _with_erasures(cells: np.ndarray, checks: int, max_risk: float, steps: tuple[int, ...]) -> Correction | None:
    """The first step of the schedule that gives a word of the code within the limits."""
    words = np.packbits(cells > 0.5, axis=1)[:, 0]
    trust = confidence(cells)
    order = np.argsort(trust, kind="stable")
    doubtful = order[trust[order] < DOUBTFUL].tolist()
    received = Word(words, checks)
    # With fewer doubtful codewords than a step wants, all of them; with none, no second try.
    for erasures in dict.fromkeys(min(count, len(doubtful)) for count in steps):
        erased = doubtful[:erasures]
        right = received.decode(erased)
        if right is None:
            continue
        touched = right != words
        errors = int(touched.sum() - touched[erased].sum())
        touched[erased] = True
        share = chance(len(cells), checks, erasures, errors)
        risk = share * exp(log_luck(cells[touched], np.unpackbits(right[touched, None], axis=1) == 1))
        if share <= MAX_CHANCE and risk <= max_risk:
            return Correction(right, errors, erasures, checks - erasures - 2 * errors, risk)
    return None


def _likeliest(cells: np.ndarray, checks: int, max_risk: float) -> Correction | None:
    """The first of the likely words within the limit."""
    data = len(cells) - checks
    if _information(cells) < INFORMED * 8 * data:
        return None
    words = np.packbits(cells > 0.5, axis=1)[:, 0]
    for right in likely_words(_odds(cells), checks):
        log_risk = data * log(256) + log_luck(cells, np.unpackbits(right[:, None], axis=1) == 1)
        risk = exp(min(0.0, log_risk))
        if risk <= max_risk:
            errors = int((right != words).sum())
            return Correction(right, errors, 0, checks - 2 * errors, risk)
    return None


def _information(cells: np.ndarray) -> float:
    """Bits that the cells tell, if their probabilities are right: the sum of 1 minus the entropy of each."""
    p = np.clip(cells, 1e-9, 1 - 1e-9)
    return float((1 + p * np.log2(p) + (1 - p) * np.log2(1 - p)).sum())


def _joined(blocks: tuple[np.ndarray, ...], parts: list[Correction]) -> Correction:
    codewords = np.empty(sum(map(len, blocks)), dtype=np.uint8)
    for block, part in zip(blocks, parts, strict=True):
        codewords[block] = part.codewords
    return Correction(
        codewords,
        errors=sum(part.errors for part in parts),
        erasures=sum(part.erasures for part in parts),
        spare=min(part.spare for part in parts),
        risk=max(part.risk for part in parts),
    )
