"""The warps of ``data.warps`` in training do what they do to pictures on disk."""

import random

import numpy as np
import pytest

from cellmark.data.augment import Augment
from cellmark.data.augmentation import projective
from cellmark.data.augmentation.fields import Elastic, Stretch
from cellmark.data.augmentation.sheets import Crumpling, Curvature, SmoothField
from cellmark.data.augmentation.warp import Field, Warp
from cellmark.data.generate.fields import fractal
from cellmark.data.warps import exact, random_fields
from cellmark.data.warps.nodes import NodeField, node_counts
from cellmark.errors import CellmarkError

from .blobs import sample_of

SIZE = (300, 420)  # height and width
WIDE = SIZE[::-1]


def picture() -> np.ndarray:
    """Soft spots, so that a shift shows and the rounding of places does not."""
    grey = 128 + 45 * fractal(np.random.default_rng(0), SIZE, 40.0, 2)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def points() -> np.ndarray:
    return np.random.default_rng(1).uniform(60, np.array(WIDE) - 60, (80, 2)).astype(np.float32)


class Given(Field):
    """A part that takes its nodes from a list."""

    def __init__(self, drawn):
        super().__init__(1.0)
        self.drawn = iter(drawn)

    def displacement(self, rng, size):
        return next(self.drawn)


@pytest.mark.parametrize(
    ("part", "warp", "apart"),
    [
        (Curvature([0.2, 0.2]), lambda rng: exact.Curvature(WIDE, 0.2), 0.074),
        (Curvature([-0.1, -0.1]), lambda rng: exact.Curvature(WIDE, -0.1), 0.037),
        (Crumpling([0.6, 0.6], 2), lambda rng: random_fields.Crumpling.draw(rng, WIDE, 0.6, 2), 0.08),
        (SmoothField([8, 8]), lambda rng: random_fields.SmoothField.draw(rng, WIDE, 8.0), 0.06),
        (projective.Rotation([33, 33]), lambda rng: exact.Rotation(WIDE, 33.0), 1e-4),
    ],
)
def test_online_is_offline(part, warp, apart):
    """The same warp from the same numbers, in the same sense.

    Between its nodes, 4 px apart, it is bilinear: off by up to 2 times the second derivative, 0.2 W (2 pi / H)^2.
    """
    online, (image, places) = Warp([part]), (picture(), points())
    online.set_random_state(np.random.default_rng(3), random.Random(0))
    params = online.get_params_dependent_on_data({}, {"image": image})
    rng = np.random.default_rng(3)
    rng.random()  # whether the part takes part
    rng.uniform()  # its strength
    offline = warp(rng)
    moved = online.apply_to_keypoints(places, **params)
    assert np.abs(moved - places).max() > 1
    assert np.abs(moved - offline.move(places)).max() < apart
    difference = np.abs(online.apply(image, **params).astype(float) - offline.warp(image, "replicate"))
    assert difference.mean() < 0.5 and difference.max() < 8


def test_lengths_scale_with_the_picture():
    for size in ((128, 200), (512, 512), (1024, 1100)):
        drawn = SmoothField([8, 8]).displacement(np.random.default_rng(0), size)
        assert drawn.shape == (*node_counts(size), 2)
        assert np.sqrt((drawn**2).sum(axis=2).mean()) == pytest.approx(8 * min(size) / 512, rel=0.4)


def test_fields_are_drawn_together_until_they_do_not_fold():
    flat = np.zeros((*node_counts(SIZE), 2), np.float32)
    steep, against = flat.copy(), flat.copy()
    steep[..., 0] = -3.0 * (np.arange(flat.shape[1]) % 2)  # 0.25 at the least
    against[..., 0] = -3.7 * (np.arange(flat.shape[1]) % 2)
    for drawn in (steep, flat):
        assert NodeField(WIDE, drawn).unfolded()
    assert not NodeField(WIDE, steep + steep).unfolded() and not NodeField(WIDE, against).unfolded()
    warp = Warp([Given([steep, steep, against, flat, flat]), Given([steep, flat, flat, flat, flat])])
    params = warp.get_params_dependent_on_data({}, {"image": picture()})
    np.testing.assert_array_equal(params["field"].nodes, steep)  # the second pair; nothing of the first
    with pytest.raises(CellmarkError, match=r"100 random fields .*: Warp with Given, Elastic is too strong"):
        folding = Warp([Given([against] * 100), Elastic([0, 0], [0.3, 0.3])])
        folding.get_params_dependent_on_data({}, {"image": picture()})


@pytest.mark.parametrize("part", [Elastic([0.4, 0.4], [0.1, 0.3]), Stretch([0.8, 0.8], [0.2, 0.2])])
def test_a_field_is_as_steep_as_it_says(part):
    for seed, size in enumerate([(97, 141), (128, 128), (33, 40), (600, 300)]):
        pixels = NodeField(size[::-1], part.displacement(np.random.default_rng(seed), size)).pixels()
        slopes = [np.abs(np.diff(pixels, axis=axis)).max(axis=(0, 1)) for axis in (0, 1)]
        assert max(slopes[0].max(), slopes[1].max()) <= part.slope[1] + 1e-4
        assert (slopes[0] + slopes[1]).max() > 0.5 * part.slope[1]
        assert np.abs(pixels.mean(axis=(0, 1))).max() < 0.05 * max(size)  # the picture stays where it is


def test_points_leave_a_bent_picture_with_their_labels():
    places = np.random.default_rng(5).uniform(-0.5, np.array(WIDE) - 0.5, (200, 2)).astype(np.float32)
    labels = np.random.default_rng(6).permutation(1000)[:200]
    moved = exact.Curvature(WIDE, 0.2).move(places)
    sure = (np.abs(moved + 0.5) > 0.1).all(axis=1) & (np.abs(moved + 0.5 - WIDE) > 0.1).all(axis=1)
    inside = ((moved >= -0.5) & (moved < np.array(WIDE) - 0.5)).all(axis=1)
    result = Augment([Warp([Curvature([0.2, 0.2])])])(sample_of(np.zeros((*SIZE, 3), np.uint8), places, labels), 0)
    found = dict(zip(result.labels.tolist(), result.points, strict=True))
    assert 20 < (~inside).sum() < 100
    for label, place, stays in zip(labels[sure].tolist(), moved[sure], inside[sure], strict=True):
        assert (label in found) == stays
        if stays:
            np.testing.assert_allclose(found[label], place, atol=0.075)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Curvature([0, 2]), r"Curvature\.factor=\[0, 2\]: needs -1 <= from <= to <= 1"),
        (lambda: Crumpling([-1, 1]), r"Crumpling\.intensity=\[-1, 1\]"),
        (lambda: Crumpling([0, 1], wrinkles=2.5), r"Crumpling\.wrinkles=2\.5: a whole number from 1 to 8"),
        (lambda: Crumpling([0, 1], wrinkles=9), r"wrinkles=9"),
        (lambda: SmoothField(8), r"SmoothField\.strength=8: a range"),
    ],
)
def test_strengths_are_checked(build, message):
    with pytest.raises(CellmarkError, match=message):
        build()
