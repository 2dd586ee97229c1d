"""Which looks a picture gets, and in which order what they show is tried; with the weights of the package."""

import numpy as np
import pytest

from cellmark.data.generate import scenes
from cellmark.reading import reader as module
from cellmark.reading.lattice import Candidate
from cellmark.reading.reader import Reader
from cellmark.reading.weights import load_classifier, load_default
from cellmark.symbology import by_shape


@pytest.mark.parametrize(("condition", "number"), [("5_crumpled_foil", 10), ("2_dot_peened", 19)])
def test_the_second_look_reads_what_the_first_cannot(condition, number):
    """With the weights of the package."""
    drawing = scenes.draw(condition, 256, np.random.default_rng([99, number, 10]), 1.0)
    texts = {code.text for code in drawing.codes}
    without, with_it = (Reader(load_default(), "cpu", "network", second) for second in (None, load_classifier()))
    assert without.read(drawing.image) == []
    assert {code.text for code in with_it.read(drawing.image)} == texts


class Recorder:
    """A second look that sees nothing."""

    def __init__(self):
        self.starts = []

    def follow(self, image, places):
        self.starts.append(places)


@pytest.mark.parametrize(("severity", "looks"), [(0.0, False), (1.5, True)])
def test_second_looks_are_few_and_only_where_nothing_was_read(monkeypatch, severity, looks):
    monkeypatch.setattr(module, "FOLLOWED", 2)
    drawing = scenes.draw("4_curved_bottle", 256, np.random.default_rng([99, 21, round(10 * severity)]), severity)
    reader = Reader(load_default(), "cpu", "network")
    reader.second = Recorder()
    assert bool(reader.read(drawing.image)) != looks
    parts = 2  # of the picture that may hold a code
    assert (0 < len(reader.second.starts) <= 2 * 2 * parts) if looks else not reader.second.starts


class Guesses:
    """A lattice with three candidates, of which one has a clear finder."""

    scores = 0.5, module.CLEAR, 0.6

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return Candidate(by_shape[10, 10], None, None, np.full((10, 10), 0.5), False, False)

    def agreement(self, number):
        return self.scores[number]


def test_dear_tries_come_last_and_only_for_clear_finders(monkeypatch):
    tries = []
    monkeypatch.setattr(module, "read_grid", lambda black, symbol, risk, means: tries.append((means, risk)))
    assert module._first(Guesses(), lambda candidate: candidate.black) is None
    assert tries == [("errors", 1e-7)] * 3 + [("erasures", 1e-7)] * 3 + [("likelihood", 1e-6)]
