"""PCK against a loop over all pairs."""

import numpy as np
import pytest

from cellmark.metrics.pck import PCK
from tests.metrics.scenes import NO_MAP, code, peaks, sample, targets


def plain_pck(points, labels, truth, classes, tau):
    """Number of correct peaks of each class."""
    correct = np.zeros(2, int)
    for point, label in zip(points, labels, strict=True):
        distances = [np.hypot(*(point - place)) for place, own in zip(truth, classes, strict=True) if own == label]
        correct[label] += bool(distances) and min(distances) <= tau
    return correct


def scene(rng, size):
    real = code(rng, 6, 7, pitch=9.0)
    points = rng.uniform(0, 128, (60, 2)).astype(np.float32)
    return real, points, rng.integers(0, 2, 60), size


def test_counts_equal_the_loop_by_class_and_folder():
    rng = np.random.default_rng(0)
    scenes = [scene(rng, (128, 256)) for _ in range(3)]
    folders = ["a", "b", "a"]
    metric = PCK(["black", "white"], ["a", "b"])
    metric.update(
        NO_MAP,
        [peaks(points, labels) for _, points, labels, _ in scenes],
        targets(*(sample([s[0]], folder, size=s[3]) for s, folder in zip(scenes, folders, strict=True))),
    )
    tau = 20 / 512 * 256
    correct = np.array([plain_pck(p, own, real.points, real.labels, tau) for real, p, own, _ in scenes])
    found = np.array([np.bincount(labels, minlength=2) for _, _, labels, _ in scenes])
    values = {key: value.item() for key, value in metric.compute().items()}
    assert values["pck"] == pytest.approx(correct.sum() / found.sum())
    assert values["pck/black"] == pytest.approx(correct[:, 0].sum() / found[:, 0].sum())
    assert values["pck/a"] == pytest.approx(correct[[0, 2]].sum() / found[[0, 2]].sum())
    assert 0 < values["pck"] < 1
    assert set(values) == {"pck", "pck/black", "pck/white", "pck/a", "pck/b"}


@pytest.mark.parametrize(("size", "expected"), [((512, 512), 1.0), ((384, 512), 1.0), ((256, 256), 0.0)])
def test_the_distance_scales_with_the_longer_side(size, expected):
    real = code(np.random.default_rng(0), 1, 1, corner=(30.0, 40.0))
    metric = PCK(["black", "white"], ["a"])
    metric.update(NO_MAP, [peaks(real.points + np.array([0, 20]), real.labels)], targets(sample([real], size=size)))
    assert metric.compute()["pck"].item() == expected


def test_missed_cells_and_doubles_do_not_matter_and_no_peak_is_nan():
    real = code(np.random.default_rng(0), 5, 5)
    metric = PCK(["black", "white"], ["a", "b"])
    metric.update(NO_MAP, [peaks(real.points[[3, 3, 3]], real.labels[[3, 3, 3]])], targets(sample([real])))
    values = metric.compute()
    assert values["pck"].item() == 1
    assert values["pck/b"].isnan()


def test_a_peak_without_a_cell_of_its_class_is_wrong():
    real = code(np.random.default_rng(0), 1, 1)
    metric = PCK(["black", "white"], ["a"])
    metric.update(NO_MAP, [peaks(real.points, 1 - real.labels)], targets(sample([real])))
    assert metric.compute()["pck"].item() == 0
