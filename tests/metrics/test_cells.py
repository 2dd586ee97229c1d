"""Cell metrics against the Hungarian method."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from cellmark.data.batch import cell_pitch
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.cells import CellMetrics
from cellmark.metrics.heatmap_mse import HeatmapMSE
from cellmark.metrics.matching import match
from tests.metrics.scenes import NO_MAP, Code, batch, peaks, sample, targets


def hungarian(predicted, truth, radius):
    """Largest one-to-one matching within the radii; of those the one with the least total distance."""
    if not len(predicted) or not len(truth):
        return 0, 0.0
    distance = np.linalg.norm(predicted[:, None] - truth[None], axis=2)
    cost = np.where(distance <= radius[None], distance, 1e6)
    rows, columns = linear_sum_assignment(cost)
    kept = cost[rows, columns] < 1e6
    return int(kept.sum()), float(cost[rows, columns][kept].sum())


def grid(rng, rows=6, columns=7, pitch=8.0):
    steps = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    return steps * pitch + rng.normal(0, 0.6, (rows * columns, 2)) + 20


@given(seed=st.integers(0, 10_000), noise=st.floats(0, 4), tolerance=st.sampled_from([0.25, 0.5]))
@settings(max_examples=60, deadline=None)
def test_matching_is_the_best_one_to_one_matching(seed, noise, tolerance):
    rng = np.random.default_rng(seed)
    truth = grid(rng)[rng.random(42) < 0.8]
    clutter = rng.uniform(10, 80, (10, 2))
    predicted = np.concatenate([truth[rng.random(len(truth)) < 0.9], truth[:5], clutter])
    predicted += rng.normal(0, noise, predicted.shape)
    radius = tolerance * cell_pitch(truth, (256, 256))
    found, cells, distance = match(predicted, truth, radius)
    count, total = hungarian(predicted, truth, radius)
    assert len(found) == len(set(found.tolist())) == len(set(cells.tolist())) == count
    assert distance.sum() == pytest.approx(total, abs=1e-6)
    np.testing.assert_allclose(np.linalg.norm(predicted[found] - truth[cells], axis=1), distance)


def truth_of(truth, labels, folders):
    return targets(*(sample([Code(*code)], folder) for *code, folder in zip(truth, labels, folders, strict=True)))


def random_case(rng):
    truth, labels = grid(rng), rng.integers(0, 2, 42)
    found = truth + rng.normal(0, 2.0, truth.shape)
    seen = np.where(rng.random(42) < 0.9, labels, 1 - labels)
    return truth, labels, peaks(found, seen)


def test_counts_equal_the_reference_by_class_and_folder():
    rng = np.random.default_rng(0)
    cases = [random_case(rng) for _ in range(4)]
    folders = ["a", "b", "a", "b"]
    metric = CellMetrics(["black", "white"], ["a", "b"])
    for part in (slice(0, 3), slice(3, 4)):
        truth, labels, found = zip(*cases[part], strict=True)
        metric.update(NO_MAP, found, truth_of(truth, labels, folders[part]))
    values = {key: value.item() for key, value in metric.compute().items()}
    for name, use in [("", (0, 1, 2, 3)), ("/a", (0, 2)), ("/b", (1, 3))]:
        for tolerance in (0.5, 0.25):
            matched, errors, total = 0, 0.0, 0
            for k in use:
                truth, labels, found = cases[k]
                pitch = tolerance * cell_pitch(truth, (256, 256))
                for label in (0, 1):
                    own = found.points[found.labels == label].double().numpy()
                    count, error = hungarian(own, truth[labels == label], pitch[labels == label])
                    matched, errors, total = matched + count, errors + error, total + (labels == label).sum()
            percent = round(100 * tolerance)
            assert values[f"cell_f1_{percent}{name}"] == pytest.approx(matched / total, rel=1e-5)
            if tolerance == 0.5:
                assert values[f"loc_error_px{name}"] == pytest.approx(errors / matched, rel=1e-4)
    assert 0 < values["cell_f1_25"] < values["cell_f1_50"] < 1
    assert {"cell_recall_50/black", "cell_precision_25/white", "loc_error_pitch/b"} <= set(values)


def test_a_prediction_counts_once_and_a_wrong_class_never():
    truth = np.array([[20.0, 20.0], [30.0, 20.0]])
    labels = np.array([0, 1])
    found = peaks([[20.5, 20.0], [20.0, 20.0], [30.0, 20.0]], [0, 0, 0])
    metric = CellMetrics(["black", "white"], ["a"])
    metric.update(NO_MAP, [found], truth_of([truth], [labels], ["a"]))
    values = metric.compute()
    assert values["cell_precision_50"].item() == pytest.approx(1 / 3)
    assert values["cell_recall_50"].item() == pytest.approx(1 / 2)
    assert values["cell_recall_50/white"].item() == 0
    assert torch.isnan(values["cell_precision_50/white"])
    assert values["loc_error_px"].item() == 0


@pytest.mark.parametrize("tolerances", [[], [0.6], [0.0]])
def test_overlapping_tolerances_are_refused(tolerances):
    with pytest.raises(ValueError, match="tolerances"):
        CellMetrics(["cell"], ["a"], tolerances)


def test_mse_is_the_mean_over_images_of_unequal_batches():
    rng = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(5, 2, 6, 4, generator=rng), torch.rand(5, 2, 6, 4, generator=rng)
    folders = ["a", "b", "a", "b", "b"]
    metric = HeatmapMSE(["black", "white"], ["a", "b"])
    for part in (slice(0, 3), slice(3, 5)):
        empty = batch(*(sample([], folder) for folder in folders[part]))
        metric.update(prediction[part], [], Targets(target[part], empty, 1))
    values = metric.compute()
    error = ((prediction.double() - target.double()) ** 2).mean(dim=(2, 3))
    assert values["mse"].item() == pytest.approx(error.sum(dim=1).mean().item(), rel=1e-6)
    assert values["mse/white"].item() == pytest.approx(error[:, 1].mean().item(), rel=1e-6)
    assert values["mse/b"].item() == pytest.approx(error[[1, 3, 4]].sum(dim=1).mean().item(), rel=1e-6)
