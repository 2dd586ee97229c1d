"""Which reads of the benchmark of readers are right, and how they add up."""

import pytest

from reading_benchmark.scoring import Tally, is_same, score


@pytest.mark.parametrize(
    ("texts", "reads", "right", "wrong", "repeated"),
    [
        (["a", "b"], ["b", "c"], {1}, ("c",), 0),
        (["a"], ["a", "a"], {0}, (), 1),
        (["a", "a"], ["a", "a", "a"], {0, 1}, (), 1),
        ([], ["a"], set(), ("a",), 0),
        (["a"], [], set(), (), 0),
        (["a"], ["A", "a "], set(), ("A", "a "), 0),
        (["a"], [b"b\xe9"], set(), ("b\xe9",), 0),
    ],
)
def test_each_payload_counts_once_and_anything_else_is_wrong(texts, reads, right, wrong, repeated):
    found = score(texts, reads)
    assert (found.right, found.wrong, found.repeated) == (right, wrong, repeated)


@pytest.mark.parametrize(
    ("read", "text", "same"),
    [
        ("a\n", "a", True),
        ("a", "a\r\n", True),
        ("\na", "a", False),
        ("hex:00ff", "hex:00ff", True),
        ("00ff", "hex:00ff", False),
        (b"\x01\xff", "hex:01ff", True),
        (b"\x01\xfe", "hex:01ff", False),
        ("é".encode(), "é", True),
        ("é".encode("latin-1"), "é", True),
        (b"?", "\u0416", False),
        ("\u0416".encode(), "\u0416", True),
        (b"01A21B", "01A\x1d21B", True),
        (b"ab", "ab\0cd", True),
        (b"ab", "abcd", False),
    ],
)
def test_what_is_the_same_payload(read, text, same):
    assert is_same(read, text) is same


def test_a_tally_adds_up():
    found = Tally()
    assert found.rate is None and found.milliseconds(50) is None
    for codes, reads, milliseconds in ((2, ["a"], 1.0), (1, ["x", "y"], 2.0), (0, [], 9.0)):
        found.add(codes, score(["a", "b"][:codes], reads, milliseconds))
    assert (found.codes, found.right, found.wrong, found.rate) == (3, 1, 2, pytest.approx(1 / 3))
    assert found.milliseconds(50) == 2.0 and found.milliseconds(95) == pytest.approx(2 + 0.9 * 7)
