"""Which reads are right, and the figures of many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cellmark.reading.text import BINARY

Read = str | bytes  # text, or the bytes that a reader gives which knows of no character sets


@dataclass(frozen=True)
class Score:
    """The reads of one reader in one picture.

    Attributes:
        right: places, among the payloads of the picture, of those that were read.
        wrong: what was read and is no payload of the picture.
        repeated: right reads of a payload that had been read as often as the picture holds it.
        milliseconds: the reader took.
    """

    right: frozenset[int]
    wrong: tuple[str, ...]
    repeated: int
    milliseconds: float


@dataclass
class Tally:
    """The reads of one reader in many pictures."""

    codes: int = 0
    right: int = 0
    wrong: int = 0
    repeated: int = 0
    times: list[float] = field(default_factory=list)

    def add(self, codes: int, score: Score) -> None:
        """Takes a picture with so many codes."""
        self.codes += codes
        self.right += len(score.right)
        self.wrong += len(score.wrong)
        self.repeated += score.repeated
        self.times.append(score.milliseconds)

    @property
    def rate(self) -> float | None:
        """Share of codes that were read, 0..1; None where there are none."""
        return self.right / self.codes if self.codes else None

    def milliseconds(self, percent: float) -> float | None:
        """Percentile of the time for a picture; None where there are none."""
        return float(np.percentile(self.times, percent)) if self.times else None


def score(texts: Sequence[str], reads: Iterable[Read], milliseconds: float = 0.0) -> Score:
    """Compares what was read with the payloads of the picture; each of these counts once.

    Args:
        texts: the payloads.
        reads: of one reader.
        milliseconds: it took.
    """
    right: set[int] = set()
    wrong, repeated = [], 0
    for read in reads:
        same = [place for place, text in enumerate(texts) if is_same(read, text)]
        fresh = [place for place in same if place not in right]
        if fresh:
            right.add(fresh[0])
        elif same:
            repeated += 1
        else:
            wrong.append(read if isinstance(read, str) else read.decode("latin-1"))
    return Score(frozenset(right), tuple(wrong), repeated, milliseconds)


def is_same(read: Read, text: str) -> bool:
    """Whether a read is that payload.

    Line ends at the end do not count: two records of the photographs lack the one that their codes contain. Binary
    payloads (``hex:``) are compared as they are.
    """
    if isinstance(read, bytes):
        return _is_same_bytes(read, text)
    return read.rstrip("\r\n") == text.rstrip("\r\n")


def _is_same_bytes(read: bytes, text: str) -> bool:
    """As generous as can be to pylibdmtx, so that no right read is called wrong.

    It knows no character sets (any of the usual ones may be meant), leaves GS1's separators out, and ends a payload
    at its first zero byte.
    """
    wanted = [bytes.fromhex(text.removeprefix(BINARY))] if text.startswith(BINARY) else _encoded(text)
    return bool(read) and _bare(read) in [_bare(each.partition(b"\0")[0]) for each in wanted]


def _encoded(text: str) -> list[bytes]:
    encodings = ["utf-8"] + ["latin-1"] * (max(map(ord, text), default=0) < 256)
    return [text.encode(encoding) for encoding in encodings]


def _bare(content: bytes) -> bytes:
    return content.replace(b"\x1d", b"").rstrip(b"\r\n")
