"""Every movement of every preset, at the ends of its ranges: picture, points and labels must stay together."""

from functools import cache

import albumentations as A
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from cellmark.cli.configs import config_folder
from cellmark.data.augment import EXACT, Augment
from cellmark.data.augmentation.projective import Perspective, Rotation, Scale, Shift
from cellmark.data.augmentation.turn import Turn
from cellmark.data.augmentation.warp import Field, Warp
from cellmark.errors import CellmarkError

from .blobs import blob_sample, centroid, draw_blobs, lattice, sample_of, window

PRESETS = sorted(path.stem for path in (config_folder() / "augment").glob("*.yaml"))
# The centroid of a blob in a bent map is off by about its variance times half the bend. So where the map is bent, blobs
# are smaller and the picture larger, in which the same preset bends less from pixel to pixel. (Smaller still, and the
# sampling of the blobs themselves is off by 0.07 px when they are shrunk to 0.9.) Of all fields at once at the ends of
# their ranges the bend is largest, and there squared weights make the blobs still narrower.
STRAIGHT, BENT, MOST_BENT = [(97, 141), (128, 128)], [(776, 1128)], [(1552, 2256)]
SIGMA = {(97, 141): 1.8, (128, 128): 1.8, (776, 1128): 1.5, (1552, 2256): 1.5}
STEP = {(97, 141): 24, (128, 128): 24, (776, 1128): 88, (1552, 2256): 176}
POWER = {(1552, 2256): 2}
REACHES = {(776, 1128): 20, (1552, 2256): 24}
RIM, REACH = 12, 9
SEEDS = range(6)


def ends(node: DictConfig, end: int) -> DictConfig:
    """The same transform with p = 1 and every range narrowed to one of its ends."""
    narrow = {k: [v[end]] * 2 if isinstance(v, ListConfig) and len(v) == 2 else v for k, v in node.items()}
    return OmegaConf.create({**narrow, "p": 1.0})


def moves(node: DictConfig) -> bool:
    """Whether a transform of a preset moves points; CoarseDropout only hides."""
    return "keypoints" in instantiate(node).available_keys and "Dropout" not in node._target_


def movements() -> dict[str, DictConfig]:
    """Every movement of every preset by name: each part alone at both ends, and all together."""
    found = {}
    for preset in PRESETS:
        nodes = OmegaConf.load(config_folder() / "augment" / f"{preset}.yaml").transforms
        for node in nodes:
            name = f"{preset}-{node._target_.rpartition('.')[2]}"
            if "Warp" not in node._target_:
                found |= {name: ends(node, 0)} if "transforms" not in node and moves(node) else {}
                continue
            for end in (0, 1):
                parts = [ends(part, end) for part in node.parts]
                for chosen in [parts, *([part] for part in parts)]:
                    part = chosen[0]._target_.rpartition(".")[2] if len(chosen) == 1 else "all"
                    found[f"{name}-{part}-{['lowest', 'highest'][end]}"] = OmegaConf.create(
                        {**node, "parts": chosen, "p": 1.0}
                    )
    return found


MOVEMENTS = movements()


@cache
def blobs(size):
    """A picture of blobs whose colours tell who they are, in two digits of base 12, and their points."""
    points = lattice(size, STEP[size], RIM)
    image, reach = draw_blobs(points, size, SIGMA[size]), STEP[size] // 2
    for label, (x, y) in enumerate(points.round().astype(int)):
        box = image[max(0, y - reach) : y + reach, max(0, x - reach) : x + reach]
        box[..., 1:] = np.round(box[..., 1:] * (np.array(divmod(label, 12)) + 1) / 12)
    return image, points


def label_seen(image, point):
    """The label that the colour of a blob tells."""
    red, *digits = window(image, point, 2)[0].sum(axis=(0, 1))
    high, low = (round(12 * digit / red) - 1 for digit in digits)
    return 12 * high + low


def sizes_of(name):
    fields = [part for part in getattr(instantiate(MOVEMENTS[name]), "parts", []) if isinstance(part, Field)]
    return MOST_BENT if len(fields) > 1 else BENT if fields else STRAIGHT


def test_every_preset_that_moves_is_measured():
    assert {name.split("-")[0] for name in MOVEMENTS} == {"basic", "reader", "report", "strong", "warped"}
    kinds = {name.split("-")[2] for name in MOVEMENTS if "Warp" in name}
    straight = {"Rotation", "Scale", "Shift", "Perspective"}
    assert kinds == {"all", *straight, "Elastic", "Stretch", "Curvature", "Crumpling", "SmoothField"}


@pytest.mark.parametrize("name", MOVEMENTS)
def test_blobs_lie_at_their_points_and_keep_their_labels(name):
    augment, worst, measured = Augment([instantiate(MOVEMENTS[name])]), 0.0, 0
    for size in sizes_of(name):
        (image, points), reach = blobs(size), REACHES.get(size, REACH)
        for seed in SEEDS:
            result = augment(sample_of(image, points), seed)
            assert result.image.shape == image.shape
            assert len(set(result.labels.tolist())) == len(result.labels)
            np.testing.assert_array_equal(result.places[:, 1], result.labels)
            for point, label in zip(result.points, result.labels, strict=True):
                if ((point >= reach + 1) & (point <= np.array(size)[::-1] - reach - 2)).all():
                    seen = centroid(result.image, point, reach, POWER.get(size, 1))
                    worst = max(worst, np.linalg.norm(seen - point))
                    assert label_seen(result.image, point) == label
                    measured += 1
    assert measured > 50
    assert worst < 0.1, worst


def inside(points, size):
    return ((points >= -0.5) & (points < np.array(size)[::-1] - 0.5)).all(axis=1)


@pytest.mark.parametrize("name", ["report-Warp-all-highest", "strong-Warp-all-highest", "warped-Warp-all-highest"])
def test_points_leave_with_their_labels(name):
    size, left = (97, 141), 0
    rng = np.random.default_rng(5)
    points = rng.uniform(-0.5, [size[1] - 0.5, size[0] - 0.5], (80, 2)).astype(np.float32)
    warp = instantiate(MOVEMENTS[name])
    labels = rng.permutation(1000)[: len(points)]
    for seed in SEEDS:
        result = Augment([warp])(sample_of(np.zeros((*size, 3), np.uint8), points, labels), seed)
        places = warp.apply_to_keypoints(points, **{k: warp.params[k] for k in ("matrix", "field")})
        stay = inside(places, size)
        assert result.labels.tolist() == labels[stay].tolist()
        np.testing.assert_allclose(result.points, places[stay], atol=1e-4)
        left += int((~stay).sum())
    assert left > 20


def test_what_lies_behind_the_camera_is_border():
    tilted = np.array([[1.0, 0, 0], [0, 1, 0], [0.02, 0, 1]])  # the horizon of this view is at x = 50

    class Tilt(Perspective):
        def matrix(self, rng, size):
            return tilted

    warp = Warp([Tilt([0, 0])], border="constant", fill=7)
    points = np.array([[20.0, 30.0], [-60.0, 30.0]], np.float32)
    result = Augment([warp])(sample_of(np.full((64, 96, 3), 200, np.uint8), points), 0)
    assert (result.image[:, 52:] == 7).all() and (result.image[5:20, 5:28] == 200).all()
    np.testing.assert_allclose(result.points, [[20 / 1.4, 30 / 1.4]], atol=1e-4)


def test_the_border_is_repeated_or_filled():
    sample = sample_of(np.full((40, 60, 3), 90, np.uint8), np.empty((0, 2)))
    assert (Augment([Warp([Shift([0.3, 0.3])])])(sample, 0).image == 90).all()
    filled = Augment([Warp([Shift([0.3, 0.3])], border="constant", fill=3)])(sample, 0).image
    assert (filled[:11] == 3).all() and (filled[:, :17] == 3).all() and (filled[13:, 19:] == 90).all()
    with pytest.raises(CellmarkError, match=r"Warp\.border=reflect: there are replicate, constant"):
        Warp([], border="reflect")


@pytest.mark.parametrize(
    ("part", "size", "expected"),
    [
        (Rotation([90, 90]), (96, 96), [[30.25, 95 - 20.5]]),  # counter-clockwise, as y points down
        (Scale([2, 2]), (96, 96), [[2 * (20.5 - 47.5) + 47.5, 2 * (30.25 - 47.5) + 47.5]]),
        (Scale([1, 1], [4, 4]), (96, 64), [[2 * (20.5 - 31.5) + 31.5, (30.25 - 47.5) / 2 + 47.5]]),
        (Shift([0.25, 0.25]), (80, 60), [[35.5, 50.25]]),
    ],
)
def test_parts_do_what_their_names_say(part, size, expected):
    places = Warp([part]).apply_to_keypoints(
        np.array([[20.5, 30.25]]), matrix=part.matrix(np.random.default_rng(0), size), field=None
    )
    np.testing.assert_allclose(places, expected, atol=1e-9)


def test_turn_draws_every_symmetry_and_keeps_the_size():
    sample = blob_sample([[20.3, 30.6]])
    seen = {tuple(Augment([Turn()])(sample, seed).points[0].round(2).tolist()) for seed in range(60)}
    assert len(seen) == 8
    wide = blob_sample([[20.3, 30.6]], size=(64, 96))
    results = [Augment([Turn()])(wide, seed) for seed in range(40)]
    assert len({tuple(r.points[0].round(2).tolist()) for r in results}) == 4
    assert {r.image.shape for r in results} == {(64, 96, 3)}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Rotation([10, -10]), r"Rotation\.degrees=\[10, -10\]: needs -360 <= from <= to <= 360"),
        (lambda: Rotation(15), r"Rotation\.degrees=15: a range \[from, to\] is needed"),
        (lambda: Shift([0, "far"]), r"Shift\.share=\[0, 'far'\]: two numbers are needed"),
        (lambda: Perspective([0, 0.3]), r"needs 0 <= from <= to <= 0\.24"),
        (lambda: Scale([1, 1], p=1.5), r"Scale\.p=1\.5: a number from 0 to 1"),
    ],
)
def test_ranges_are_checked(build, message):
    with pytest.raises(CellmarkError, match=message):
        build()


ARGUMENTS = {
    "Affine": {"scale": (0.8, 1.2), "rotate": (-30, 30), "shear": (-10, 10), "translate_percent": (-0.1, 0.1)},
    "Crop": {"x_min": 11, "y_min": 5, "x_max": 90, "y_max": 80},
    "CenterCrop": {"height": 70, "width": 91},
    "RandomCrop": {"height": 70, "width": 91},
    "Pad": {"padding": 7},
    "PadIfNeeded": {"min_height": 128, "min_width": 160},
}


@pytest.mark.parametrize("name", sorted(EXACT - {"CoarseDropout", "GridDropout", "PixelDropout"}))
def test_albumentations_own_movements_that_are_let_through_are_exact(name):
    image, points = blobs((97, 141))
    augment, measured = Augment([getattr(A, name)(p=1, **ARGUMENTS.get(name, {}))]), 0
    for seed in SEEDS:
        result = augment(sample_of(image, points), seed)
        for point, label in zip(result.points, result.labels, strict=True):
            if ((point >= REACH + 1) & (point <= np.array(result.image.shape[1::-1]) - REACH - 2)).all():
                assert np.linalg.norm(centroid(result.image, point, REACH) - point) < 0.1
                assert label_seen(result.image, point) == label
                measured += 1
    assert measured > 20


@pytest.mark.parametrize("name", ["ThinPlateSpline", "Morphological", "RandomGridShuffle"])
def test_movements_that_nobody_measured_are_refused(name):
    with pytest.raises(CellmarkError, match=f"nobody measured whether {name} keeps"):
        Augment([getattr(A, name)(p=1)])
