"""The generated pictures that readers are measured on."""

import numpy as np
import pytest

from cellmark.reading.classical import read_classical
from reading_benchmark import pictures
from reading_benchmark.large import large

FROZEN = {  # payload, mean and spread of grey: whoever changes the generator makes another benchmark
    "1_label_print 1 #0": ("4282-7207-DJCJ-PMIN-4037-3625-XT", 145.9, 69.8),
    "2_dot_peened 1 #0": ("1364558799365334145122668913610630", 88.7, 27.8),
    "3_laser_etched 1 #0": ("2260-TIJR-OBZP", 59.0, 47.1),
    "4_curved_bottle 1 #0": ("BVsf-Nrm/L9PYagMT", 109.9, 75.9),
    "5_crumpled_foil 1 #0": ("xL/udp", 138.3, 79.3),
    "6_dirty_blurred 1 #0": (
        "824030539750520022185209642529711472878379780587808899676076875397383420883723627872733513414206395678341157167787019452293520430615125344407402608207819593625387329662172685422890595681945105441014340842118632710299620579500078174957254078684891802151735857554404304896356552783581",
        120.4,
        69.3,
    ),
}


def test_the_synthetic_set_is_frozen():
    shown = {picture.name: picture.load() for picture in pictures.synthetic(1) if picture.name in FROZEN}
    assert len(shown) == 6
    for name, (text, mean, spread) in FROZEN.items():
        assert shown[name].texts[0] == text
        assert shown[name].image.mean() == pytest.approx(mean, abs=0.2)
        assert shown[name].image.std() == pytest.approx(spread, abs=0.2)


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
