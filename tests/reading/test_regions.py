"""Which parts of a picture are looked at closely."""

import pytest
import torch

from cellmark.reading.eye import Eye, Region
from cellmark.reading.regions import joined, widened, zooms
from tests.reading.perfect import canvas, drawn, model_of


def test_a_code_that_was_seen_in_pieces_is_looked_at_as_a_whole():
    left, right = Region((10, 10, 60, 40), 4.0, 30.0, 1.0), Region((60, 12, 90, 44), 5.0, 10.0, 1.0)
    coarse, apart = Region((80, 10, 120, 40), 8.0, 9.0, 1.0), Region((200, 0, 230, 30), 4.0, 5.0, 1.0)
    (whole,) = joined([left, coarse, right, apart])  # the coarse one touches, but is none of theirs
    assert whole == Region((10, 10, 90, 44), 4.25, 40.0, 1.0)
    bridge = Region((85, 10, 205, 40), 4.5, 3.0, 1.0)
    (whole,) = joined([left, right, apart, bridge])
    assert whole.box == (10, 0, 230, 44)


@pytest.mark.parametrize("cut", [(0, 0, 150, 220), (110, 0, 300, 220), (0, 0, 300, 120), (0, 90, 300, 220)])
def test_a_part_is_widened_where_a_code_goes_on(cut):
    truth = drawn("abc", (150.0, 110.0), 9.0)
    eye = Eye(model_of([truth], (300, 220)), torch.device("cpu"))
    part = Region(tuple(map(float, cut)), 9.0, 1.0, 1.0)
    wider = widened(part, eye.look(canvas(300, 220), 1.0, part), (220, 300, 3))
    inner = [0 < side < end for side, end in zip(cut, (300, 220, 300, 220), strict=True)]
    moved = [new != old for new, old in zip(wider.box, part.box, strict=True)]
    assert moved == inner and sum(moved) == 1
    whole = Region((40.0, 10.0, 260.0, 210.0), 9.0, 1.0, 1.0)
    assert widened(whole, eye.look(canvas(300, 220), 1.0, whole), (220, 300, 3)) == whole


def test_no_look_is_taken_twice():
    assert zooms(Region((0, 0, 200, 200), 8.0, 1.0, 0.3)) == [1.0, 0.75, 1.5]
    assert zooms(Region((0, 0, 200, 200), 8.0, 1.0, 1.0)) == [0.75, 1.5]  # as it was seen already
    assert zooms(Region((0, 0, 3000, 2000), 6.0, 1.0, 0.3)) == [(1800 * 1800 / 6e6) ** 0.5]  # no larger one
    assert zooms(Region((0, 0, 4000, 3000), 6.0, 1.0, 0.3)) == []  # too coarse
