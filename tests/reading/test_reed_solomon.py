from functools import lru_cache

import numpy as np
import pytest
import reedsolo

from cellmark.reading.reed_solomon import Word
from cellmark.symbology import SYMBOLS

# (codewords, check codewords) of every block of every symbol; 144x144 has two kinds.
SIZES = sorted({(s.codewords // s.blocks, s.check_codewords // s.blocks) for s in SYMBOLS} | {(218, 62)})


@lru_cache
def codec(checks: int) -> reedsolo.RSCodec:
    """The independent reference."""
    return reedsolo.RSCodec(checks, fcr=1, prim=0x12D, generator=2)


def reference(received: np.ndarray, checks: int, erased: list[int]) -> np.ndarray | None:
    try:
        right = np.frombuffer(bytes(codec(checks).decode(received.tobytes(), erase_pos=erased)[1]), dtype=np.uint8)
    except reedsolo.ReedSolomonError:
        return None
    # It is too generous with erasures: of more errors than there is room for, it may take one of several solutions.
    errors = np.delete(right != received, erased).sum()
    return right if len(erased) + 2 * errors <= checks else None


def right_word(rng: np.random.Generator, length: int, checks: int) -> np.ndarray:
    data = rng.integers(256, size=length - checks, dtype=np.uint8)
    return np.frombuffer(bytes(codec(checks).encode(data.tobytes())), dtype=np.uint8)


def damaged(rng: np.random.Generator, right: np.ndarray, erasures: int, errors: int) -> tuple[np.ndarray, list[int]]:
    """The word with that many codewords wrong, and erased ones with any values, right ones included."""
    received, places = right.copy(), rng.permutation(len(right))[: erasures + errors]
    received[places[:erasures]] = rng.integers(256, size=erasures)
    received[places[erasures:]] ^= rng.integers(1, 256, size=errors, dtype=np.uint8)
    return received, places[:erasures].tolist()


def same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is second is None or (first is not None and second is not None and np.array_equal(first, second))


@pytest.mark.parametrize(("length", "checks"), SIZES)
def test_errors_and_erasures_are_corrected_up_to_the_limit(length: int, checks: int) -> None:
    rng = np.random.default_rng(length)
    right = right_word(rng, length, checks)
    for errors in range(checks // 2 + 1):
        received, erased = damaged(rng, right, checks - 2 * errors, errors)
        kept = received.copy()
        np.testing.assert_array_equal(Word(received, checks).decode(erased), right)
        np.testing.assert_array_equal(received, kept)


@pytest.mark.parametrize(("length", "checks"), SIZES)
def test_it_answers_as_the_reference_below_at_and_beyond_the_limit(length: int, checks: int) -> None:
    rng = np.random.default_rng(1000 + length)
    right = right_word(rng, length, checks)
    for _ in range(6):
        erasures = int(rng.integers(checks + 1))
        for beyond in (-1, 0, 1, 2):
            errors = max(0, (checks - erasures) // 2 + beyond)
            received, erased = damaged(rng, right, erasures, min(errors, length - erasures))
            assert same(Word(received, checks).decode(erased), reference(received, checks, erased))


@pytest.mark.parametrize(("length", "checks"), SIZES[:6])
def test_it_answers_as_the_reference_for_words_of_pure_chance(length: int, checks: int) -> None:
    # Small codes with most places erased: a good part of them is corrected.
    rng = np.random.default_rng(2000 + length)
    answers = []
    for received in rng.integers(256, size=(150, length), dtype=np.uint8):
        erased = rng.permutation(length)[: checks - int(rng.integers(4))].tolist()
        answers.append(Word(received, checks).decode(erased))
        assert same(answers[-1], reference(received, checks, erased))
    assert 20 < sum(answer is not None for answer in answers) < 130


def test_one_word_is_decoded_with_many_sets_of_erasures() -> None:
    rng = np.random.default_rng(3)
    right = right_word(rng, 72, 28)
    received, doubtful = damaged(rng, right, 16, 4)
    word = Word(received, 28)
    for count in (16, 0, 12, 3, 16):
        answer = word.decode(doubtful[:count])
        assert same(answer, reference(received, 28, doubtful[:count]))
        assert (answer is None) == (count in (0, 3))
    np.testing.assert_array_equal(word.received, received)


def test_a_right_word_stays_but_more_erasures_than_check_codewords_never_pass() -> None:
    right = right_word(np.random.default_rng(4), 24, 12)
    word = Word(right, 12)
    for count in (0, 5, 12):
        np.testing.assert_array_equal(word.decode(range(count)), right)
    assert word.decode(range(13)) is None


def test_the_result_is_a_new_array() -> None:
    right = right_word(np.random.default_rng(5), 24, 12)
    decoded = Word(right, 12).decode()
    assert decoded is not None
    decoded[0] ^= 1
    assert decoded[0] != right[0]


@pytest.mark.parametrize(("length", "checks"), [(256, 10), (10, 0), (10, 10)])
def test_words_that_cannot_be_are_refused(length: int, checks: int) -> None:
    with pytest.raises(ValueError, match=f"{checks} check codewords of {length}"):
        Word(np.zeros(length, dtype=np.uint8), checks)
