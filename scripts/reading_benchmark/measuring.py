"""One picture after another, and in each one reader after another."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reading_benchmark.pictures import Fingerprint, Picture
from reading_benchmark.readers import OURS, Subject
from reading_benchmark.scoring import Score, Tally, score


@dataclass(frozen=True)
class Outcome:
    """What all readers made of one picture.

    Attributes:
        picture: that was read.
        texts: payloads of its codes.
        cut: how many of these codes are cut off by the picture's edge.
        scores: name of the reader to how it did; readers that cannot be had are left out.
    """

    picture: Picture
    texts: tuple[str, ...]
    cut: int
    scores: Mapping[str, Score]

    def read_by(self, names: Iterable[str]) -> frozenset[int]:
        """Places of the payloads that at least one of these readers read."""
        return frozenset().union(*(self.scores[name].right for name in names if name in self.scores))


@dataclass
class Measurement:
    """All outcomes, in the order of the pictures.

    Attributes:
        outcomes: so far.
        fingerprint: of the generated pictures among them.
        complete: whether every picture was read.
    """

    outcomes: list[Outcome]
    fingerprint: Fingerprint
    complete: bool = False


def measure(pictures: Sequence[Picture], subjects: Sequence[Subject], tell: Callable[[int], None]) -> Measurement:
    """Has every picture read by every reader, always in the same order.

    With Ctrl-C it ends early, and what was measured so far is given.

    Args:
        pictures: to read.
        subjects: the readers; those that cannot be had are passed over.
        tell: is called with the number of pictures done.
    """
    there = [subject for subject in subjects if subject.read is not None]
    for subject in there:  # what is loaded or compiled at the first call is not measured
        subject.timed(np.full((256, 256, 3), 128, np.uint8), 1)
    measurement = Measurement([], Fingerprint())
    try:
        for number, picture in enumerate(pictures, start=1):
            shown = picture.load()
            scores = {}
            for subject in there:
                reads, milliseconds = subject.timed(shown.image, len(shown.texts))
                scores[subject.name] = score(shown.texts, reads, milliseconds)
            measurement.fingerprint.add(picture, shown)
            measurement.outcomes.append(Outcome(picture, shown.texts, shown.cut, scores))
            tell(number)
    except KeyboardInterrupt:
        return measurement
    measurement.complete = True
    return measurement


def tally(outcomes: Iterable[Outcome], name: str) -> Tally:
    """The figures of a reader."""
    result = Tally()
    for outcome in outcomes:
        if name in outcome.scores:
            result.add(len(outcome.texts), outcome.scores[name])
    return result


def our_best(outcomes: Sequence[Outcome]) -> str | None:
    """The one of our readers that counts as ours: with the classical try where that was measured."""
    present = [name for name in OURS if any(name in outcome.scores for outcome in outcomes)]
    return present[-1] if present else None
