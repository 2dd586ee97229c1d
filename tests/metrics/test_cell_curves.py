"""Curves of cells against the Hungarian method, threshold by threshold."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from cellmark.data.batch import cell_pitch
from cellmark.metrics.cell_curves import CellCurves
from tests.metrics.scenes import NO_MAP, Code, lattice, peaks, sample, targets

CLASSES, FOLDERS, THRESHOLDS = ["black", "white"], ["a", "b"], 21
CORNER = np.array([20.0, 20.0])


def scene(seed):
    """A lattice whose cells have no, one or several peaks, of any score, and clutter."""
    rng = np.random.default_rng(seed)
    truth, labels = lattice(5, 6, 8.0), rng.integers(0, 2, 30)
    chosen = np.concatenate([np.flatnonzero(rng.random(30) < share) for share in (0.9, 0.3, 0.2)])
    points = np.concatenate([truth[chosen] + rng.normal(0, 2.0, (len(chosen), 2)), rng.uniform(15, 65, (15, 2))])
    kinds = np.concatenate([labels[chosen], rng.integers(0, 2, 15)])
    scores = np.round(rng.uniform(0.3, 1.0, len(points)) * 20) / 20  # many of them are thresholds themselves
    return truth, labels, points, kinds, scores


SCENES, PLACES = [scene(k) for k in range(4)], ["a", "b", "b", "a"]


def matched(points, truth, radius):
    """Size of the largest one-to-one matching within the radii."""
    if not len(points) or not len(truth):
        return 0
    near = np.linalg.norm(points[:, None] - truth[None], axis=2) <= radius[None]
    rows, columns = linear_sum_assignment(~near)
    return int(near[rows, columns].sum())


def reference(scenes, classes, reach=0.5):
    """Right and wrong peaks and missed cells at every threshold, in float64."""
    counts = np.zeros((3, THRESHOLDS), np.int64)
    for truth, labels, points, kinds, scores in scenes:
        radius = reach * cell_pitch(truth, (256, 256)).astype(float)
        for column, threshold in enumerate(np.linspace(0, 1, THRESHOLDS)):
            for label in classes:
                there, real = (kinds == label) & (np.float32(scores) >= threshold), labels == label
                right = matched(np.float32(points[there]).astype(float), truth[real], radius[real])
                counts[:, column] += right, there.sum() - right, real.sum() - right
    return counts


def counted(scenes, places, **options):
    metric = CellCurves(CLASSES, FOLDERS, THRESHOLDS, **options)
    for part in (slice(0, 1), slice(1, 4)):
        found = [peaks(points, kinds, scores) for _, _, points, kinds, scores in scenes[part]]
        truth = [sample([Code(*one[:2])], folder) for one, folder in zip(scenes[part], places[part], strict=True)]
        if truth:
            metric.update(NO_MAP, found, targets(*truth))
    return metric


@pytest.mark.parametrize("reach", [0.5, 0.2])
def test_every_threshold_equals_the_largest_matching(reach):
    curves = counted(SCENES, PLACES, reach=reach).compute()
    groups = {"": (SCENES, (0, 1)), "/black": (SCENES, (0,)), "/white": (SCENES, (1,))}
    for folder in FOLDERS:
        groups[f"/{folder}"] = ([one for one, place in zip(SCENES, PLACES, strict=True) if place == folder], (0, 1))
    assert set(curves) == {f"curve{group}" for group in groups}
    for group, (scenes, classes) in groups.items():
        np.testing.assert_array_equal(curves[f"curve{group}"], reference(scenes, classes, reach))


def test_the_scenes_are_no_trivial_ones():
    right, wrong, missed = reference(SCENES, (0, 1))
    assert len({*right.tolist()}) > 10 and 0 < missed[0] < right[0] and wrong[0] > 10
    assert right[0] == right[6] and right[-1] + wrong[-1] > 0  # none below 0.3, some at 1


def test_the_highest_peak_of_a_cell_counts_not_the_nearest():
    """A cell with a high peak and a nearer, lower one is found at the threshold of the high one."""
    metric = CellCurves(["cell"], ["a"], 11)
    found = peaks(CORNER + np.array([[0.5, 0], [2.0, 0], [0, 30]]), [0, 0, 0], np.array([0.35, 0.85, 0.95]))
    metric.update(NO_MAP, [found], targets(sample([Code(CORNER[None], np.array([0]))])))
    right, wrong, missed = metric.compute()["curve"].tolist()
    assert right == [1] * 9 + [0] * 2
    assert wrong == [2] * 4 + [1] * 6 + [0]
    assert missed == [0] * 9 + [1] * 2


def test_two_processes_count_what_one_does():
    """The metric gathers its states as it does in several processes; both lie in this one."""
    parts = [counted(SCENES[:1], PLACES[:1]), counted(SCENES[1:], PLACES[1:])]
    expected = counted(SCENES, PLACES).compute()

    def gather(state, group):
        (name,) = (name for name in ("hits", "found", "actual") if getattr(parts[0], name) is state)
        return [getattr(part, name).clone() for part in parts]

    parts[0].dist_sync_fn, parts[0].distributed_available_fn = gather, lambda: True
    for key, curve in parts[0].compute().items():
        assert torch.equal(curve, expected[key])
    assert not torch.equal(parts[1].compute()["curve"], expected["curve"])


def test_images_without_cells_or_peaks():
    metric = CellCurves(CLASSES, FOLDERS, 11)
    metric.update(NO_MAP, [peaks([], [])], targets(sample([])))
    assert not metric.compute()["curve"].any()
    metric.update(NO_MAP, [peaks([[9.0, 9.0]], [1], 0.5)], targets(sample([])))
    assert metric.compute()["curve"].tolist() == [[0] * 11, [1] * 6 + [0] * 5, [0] * 11]


@pytest.mark.parametrize("wrong", [{"thresholds": 1}, {"reach": 0.6}, {"reach": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="curves need"):
        CellCurves(CLASSES, FOLDERS, **wrong)
