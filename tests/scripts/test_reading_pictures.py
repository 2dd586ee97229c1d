"""The generated pictures that readers are measured on."""

import numpy as np

from cellmark.reading.classical import read_classical
from reading_benchmark import pictures
from reading_benchmark.large import large


def test_the_synthetic_set_stays_when_more_is_asked_for():
    few, many = pictures.synthetic(1), pictures.synthetic(2)
    assert len(few) == 24 and len(many) == 48
    assert [p.name for p in few] == [p.name for p in many[:24]] and len({p.name for p in many}) == 48
    for place in (0, 23):
        first, again = few[place].load(), many[place].load()
        assert first.texts == again.texts and all(first.texts)
        assert first.image.shape == (256, 256, 3) and (first.image == again.image).all()
    assert few[0].load().texts != many[24].load().texts
    severities = [p.severity for p in few]
    assert {s: severities.count(s) for s in severities} == {0.0: 6, 0.5: 6, 1.0: 6, 1.5: 6}


def test_clutter_has_no_codes_and_many_severities():
    few, many = pictures.cluttered(2), pictures.cluttered(60)
    assert (few[1].load().image == many[1].load().image).all() and few[1].load().texts == ()
    assert (few[0].load().image != few[1].load().image).any()
    severities = np.array([p.severity for p in many])
    assert 0 <= severities.min() < 0.2 and 1.3 < severities.max() <= 1.5


def test_codes_cut_off_are_counted(monkeypatch):
    drawing = pictures.draw("1_label_print", 128, np.random.default_rng(3), 0.0)
    monkeypatch.setattr(pictures, "draw", lambda *_: drawing)
    assert pictures.synthetic(1)[0].load().cut == 0
    drawing.codes[0].keypoints[4, 2] = 0
    assert pictures.synthetic(1)[0].load().cut == 1


def test_large_pictures_hold_a_code_of_the_side_that_they_tell():
    few = [picture for picture in large(1) if picture.group in ("60 px", "600 px")]
    assert [picture.name for picture in few] == ["60 px #0", "600 px #0"]
    small, coarse = (picture.load() for picture in few)
    assert small.image.shape == coarse.image.shape == (3000, 4000, 3) and len(small.texts) == len(coarse.texts) == 1
    (read,) = read_classical(coarse.image)
    assert read.text == coarse.texts[0]
    sides = np.linalg.norm(read.corners - np.roll(read.corners, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 600, atol=6)
