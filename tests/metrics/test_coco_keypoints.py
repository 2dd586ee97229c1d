"""COCO keypoint AP against pycocotools called directly, and against a loop of our own."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cellmark.errors import CellmarkError
from cellmark.metrics.coco_keypoints import CocoKeypointAP
from cellmark.metrics.coco_records import ImageRecord, Instance, pack, unpack
from tests.metrics.scenes import NO_MAP, code, joined, peaks, sample, targets

PITCH = 8.0
PLACES = [(20.0, 20.0), (120.0, 30.0), (30.0, 150.0), (140.0, 160.0)]  # corners of codes that do not touch


def metric(folders=("a",), **options):
    return CocoKeypointAP(["black", "white"], folders, **{"min_cells": 8} | options)


def measured(*images, folders=("a",), **options):
    """Values for images given as (codes, peaks) or (codes, peaks, folder)."""
    own = metric(folders, **options)
    samples = [sample(codes, *rest, image_id=k) for k, (codes, _, *rest) in enumerate(images)]
    own.update(NO_MAP, [found for _, found, *_ in images], targets(*samples))
    return {key: value.item() for key, value in own.compute().items()}


def shaken(rng, real, offset, kept):
    """A detection of a code: which cells it has, where, and its score.

    Cells lie up to ``offset`` pitches away, most of it in one direction for all, so that they stay one group.
    """
    own = np.flatnonzero(rng.random(len(real.points)) < kept)
    angle = rng.uniform(0, 2 * np.pi, len(own) + 1)
    length = offset * PITCH * np.append(0.3 * rng.random(len(own)), 0.7)
    move = length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return own, (real.points[own] + move[:-1] + move[-1]).astype(np.float32), float(np.float32(rng.uniform(0.3, 1)))


def false_group(corner, score, rng):
    """A lattice of peaks where no code is."""
    real = code(rng, 4, 4, PITCH, corner)
    return peaks(real.points, real.labels, score)


def hard_scenes(rng, sizes, count=30):
    """Images with none to three codes, found more or less well or not at all, and false groups.

    Returns:
        The codes, the detections as (code or None, cells, points, score), and the peaks of each image.
    """
    scenes = []
    for _ in range(count):
        corners = [PLACES[k] for k in rng.permutation(4)]
        codes = [code(rng, *sizes[rng.integers(len(sizes))], PITCH, corners[k]) for k in range(rng.integers(0, 4))]
        detections, parts = [], [peaks(np.zeros((0, 2)), [])]
        for number, real in enumerate(codes):
            if rng.random() < 0.8:
                own, points, score = shaken(rng, real, rng.choice([0.1, 0.25, 0.4]), rng.choice([1, 0.95, 0.85]))
                detections.append((number, own, points, score))
                parts.append(peaks(points, real.labels[own], score))
        if rng.random() < 0.4:
            score = float(np.float32(rng.uniform(0.3, 1)))
            detections.append((None, [], [], score))
            parts.append(false_group(corners[3], score, rng))
        scenes.append((codes, detections, joined(*parts)))
    return scenes


def direct(scenes, grid):
    """AP and AP50 of pycocotools with dictionaries in the manner of COCO: the area is that of the whole code."""
    cells = grid[0] * grid[1]
    truth, results = [], []
    for image, (codes, detections, _) in enumerate(scenes):
        for real in codes:
            corner, span = real.points.min(axis=0), np.ptp(real.points, axis=0)
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": [v for x, y in real.points.tolist() for v in (x, y, 2)],
                    "num_keypoints": cells,
                    "bbox": [*corner.tolist(), *span.tolist()],
                    "area": cells * PITCH**2,
                    "iscrowd": 0,
                }
            )
        for _, own, points, score in detections:
            place = np.full((cells, 3), [-5000.0, -5000.0, 1.0])
            place[own, :2] = np.reshape(points, (-1, 2))
            results.append({"image_id": image, "category_id": 1, "keypoints": place.ravel().tolist(), "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": k, "width": 256, "height": 256} for k in range(len(scenes))],
            "categories": [{"id": 1, "name": "datamatrix"}],
            "annotations": truth,
            "info": {},
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.full(cells, 0.25 / 2 / np.sqrt(cells))
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


def test_equals_pycocotools_called_directly():
    scenes = hard_scenes(np.random.default_rng(0), [(6, 7)])
    ap, ap_50 = direct(scenes, (6, 7))
    values = measured(*((codes, found) for codes, _, found in scenes))
    assert values["coco_ap"] == pytest.approx(ap, abs=1e-6)
    assert values["coco_ap_50"] == pytest.approx(ap_50, abs=1e-6)
    assert 0.1 < values["coco_ap"] < values["coco_ap_50"] < 0.9


def plain_ap(scenes, threshold):
    """The definition, for detections of which it is known which code they show: OKS, ranking, 101 recalls."""
    ranked, count = [], sum(len(codes) for codes, _, _ in scenes)
    for codes, detections, _ in scenes:
        for number, own, points, score in detections:
            similarity = 0.0
            if number is not None:
                square = ((points - codes[number].points[own]) ** 2).sum(axis=1)
                similarity = np.exp(-square / (2 * (0.25 * PITCH) ** 2)).sum() / len(codes[number].points)
            ranked.append((-score, similarity >= threshold))
    right = np.array([hit for _, hit in sorted(ranked)]).cumsum()
    precision, recall = right / np.arange(1, len(right) + 1), right / count
    return np.mean([max(precision[recall >= r], default=0) for r in np.linspace(0, 1, 101)])


def test_codes_of_several_sizes_equal_the_definition():
    scenes = hard_scenes(np.random.default_rng(1), [(6, 7), (5, 4), (4, 9)])
    each = [plain_ap(scenes, threshold) for threshold in np.arange(0.5, 0.96, 0.05)]
    values = measured(*((codes, found) for codes, _, found in scenes))
    assert values["coco_ap"] == pytest.approx(np.mean(each), abs=1e-6)
    assert values["coco_ap_50"] == pytest.approx(each[0], abs=1e-6)


@pytest.mark.parametrize(
    ("shift", "ap", "ap_50"),
    [(0.0, 1.0, 1.0), (0.1, 0.9, 1.0), (0.25, 0.3, 1.0), (0.4, 0.0, 0.0)],  # OKS 1, 0.92, 0.61, 0.28
)
def test_a_shifted_prediction_reaches_the_thresholds_below_its_similarity(shift, ap, ap_50):
    real = code(np.random.default_rng(0), 6, 7, PITCH)
    values = measured(([real], peaks(real.points + np.array([shift * PITCH, 0]), real.labels)))
    assert values == {"coco_ap": pytest.approx(ap), "coco_ap_50": pytest.approx(ap_50)}


def two_codes():
    rng = np.random.default_rng(0)
    return [code(rng, 5, 5, PITCH, PLACES[0]), code(rng, 4, 6, 2 * PITCH, PLACES[1])]


def test_two_codes_in_one_image_of_which_one_is_missed():
    codes = two_codes()
    both = [peaks(real.points, real.labels) for real in codes]
    assert measured((codes, joined(*both)))["coco_ap"] == pytest.approx(1)
    assert measured((codes, both[1]))["coco_ap"] == pytest.approx(51 / 101)  # recalls 0, 0.01, ..., 0.5


@pytest.mark.parametrize(("score", "ap"), [(0.9, 0.5), (0.3, 1.0)])
def test_a_false_group_costs_precision_if_it_scores_higher(score, ap):
    rng = np.random.default_rng(0)
    real = code(rng, 5, 5, PITCH, PLACES[0])
    found = joined(peaks(real.points, real.labels, 0.6), false_group(PLACES[3], score, rng))
    assert measured(([real], found))["coco_ap"] == pytest.approx(ap)
    elsewhere = measured(
        ([real], peaks(real.points, real.labels, 0.6)),
        ([], false_group(PLACES[3], score, rng)),
    )
    assert elsewhere["coco_ap"] == pytest.approx(ap)


def test_the_wrong_class_is_not_found():
    real = code(np.random.default_rng(0), 5, 5, PITCH)
    assert measured(([real], peaks(real.points, 1 - real.labels)))["coco_ap_50"] == 0


def test_codes_without_an_order_are_left_out_with_what_is_found_of_them():
    known, unknown = two_codes()
    unknown = unknown._replace(grid=None)
    found = joined(peaks(known.points, known.labels, 0.5), peaks(unknown.points, unknown.labels, 0.9))
    assert measured(([known, unknown], found))["coco_ap"] == pytest.approx(1)
    assert all(np.isnan(value) for value in measured(([unknown], found)).values())


def test_cells_without_a_label_do_not_count():
    real = code(np.random.default_rng(0), 6, 7, PITCH)
    seen = sample([real])
    kept = np.arange(10, 42)
    own = metric()
    own.update(NO_MAP, [peaks(real.points, real.labels)], targets(seen.select(kept, seen.image, seen.points[kept])))
    assert own.compute()["coco_ap"].item() == pytest.approx(1)


def test_values_by_folder_but_not_by_class():
    known, other = two_codes()
    values = measured(
        ([known], peaks(known.points, known.labels), "a"),
        ([other], peaks([], []), "b"),
        ([], peaks([], []), "c"),
        folders=("a", "b", "c"),
    )
    assert set(values) == {f"{n}{f}" for n in ("coco_ap", "coco_ap_50") for f in ("", "/a", "/b", "/c")}
    assert (values["coco_ap/a"], values["coco_ap/b"]) == (pytest.approx(1), 0)
    assert values["coco_ap"] == pytest.approx(51 / 101)
    assert np.isnan(values["coco_ap/c"])


def test_nothing_seen_is_nan_and_nothing_is_printed(capsys):
    own = metric()
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert all(value.isnan() for value in own.compute().values())
    real = code(np.random.default_rng(0), 5, 5, PITCH)
    measured(([real], peaks(real.points, real.labels)))
    assert capsys.readouterr() == ("", "")


def test_records_survive_the_way_between_processes():
    def instance(count, value):
        return Instance(np.arange(count) * 3, np.arange(2.0 * count).reshape(-1, 2) / 8, value)

    records = [
        ImageRecord(3, 2**40 + 12345, [instance(4, 7.5), instance(1, 2.0)], [instance(0, 0.5)]),
        ImageRecord(0, 0, [], []),
        ImageRecord(1, 99, [], [instance(3, 0.25)]),
    ]
    back = unpack(np.concatenate([pack(record) for record in records]))
    assert len(back) == len(records)
    for ours, theirs in zip(back, records, strict=True):
        assert ours[:2] == theirs[:2]
        for kind in (2, 3):
            assert [i.value for i in ours[kind]] == [i.value for i in theirs[kind]]
            for one, other in zip(ours[kind], theirs[kind], strict=True):
                np.testing.assert_array_equal(one.places, other.places)
                np.testing.assert_array_equal(one.points, other.points)


@pytest.mark.parametrize("reach", [0.0, 0.6])
def test_an_overlapping_reach_is_refused(reach):
    with pytest.raises(CellmarkError, match="reach"):
        metric(reach=reach)
