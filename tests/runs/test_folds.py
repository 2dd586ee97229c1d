import math

import numpy as np
import pytest

from cellmark.runs.folds import finished, is_plain, spent, spreads
from tests.runs.fold_runs import fold

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("count", [2, 3, 15])
def test_mean_and_sample_standard_deviation_are_those_of_numpy(count):
    values = {name: RNG.normal(loc, scale, count) for name, loc, scale in
              (("val/mse", 0.01, 0.003), ("val/ap", 0.9, 0.05), ("val/loss", 1e6, 1e-3))}  # fmt: skip
    folds = {f"f{k}": fold({name: float(column[k]) for name, column in values.items()}) for k in range(count)}
    over = spreads(folds)
    for name, column in values.items():
        assert over[name].mean == pytest.approx(np.mean(column, dtype=np.float64), rel=1e-14)
        by_hand = math.sqrt(math.fsum((v - column.mean()) ** 2 for v in column) / (count - 1))
        assert over[name].std == pytest.approx(by_hand, rel=1e-6)
        assert over[name].std == pytest.approx(np.std(column, ddof=1), rel=1e-6)
        assert over[name].std != pytest.approx(np.std(column), rel=1e-3)  # which divides by n
        assert [*over[name].values.values()] == column.tolist()


def test_one_fold_has_no_standard_deviation():
    one = spreads({"a": fold({"val/ap": 0.5})})["val/ap"]
    assert (one.mean, one.std, one.worst) == (0.5, None, "a")


@pytest.mark.parametrize(
    ("name", "worst"),
    [
        ("val/cell_f1_50", "low"),
        ("test/ap/black", "low"),
        ("val/mse", "high"),
        ("val/mse/black", "high"),
        ("train/loss_focal", "high"),
        ("val/loc_error_px", "high"),
    ],
)
def test_the_worst_fold_goes_by_the_direction_of_the_metric(name, worst):
    folds = {"middle": fold({name: 0.5}), "low": fold({name: 0.1}), "high": fold({name: 0.9})}
    assert spreads(folds)[name].worst == worst


def test_of_equally_bad_folds_the_first_is_the_worst():
    values = {"a": 0.7, "b": 0.2, "c": 0.2}
    assert spreads({name: fold({"val/ap": value}) for name, value in values.items()})["val/ap"].worst == "b"


def test_what_a_fold_did_not_measure_is_left_out():
    folds = {
        "a": fold({"val/ap": 0.5, "test/ap": 0.25}),
        "b": fold({"val/ap": None}),
        "c": fold({"val/ap": float("nan")}),
        "d": fold({"val/ap": float("inf")}),
        "e": fold({"val/ap": 0.25, "val/pck": None}),
    }
    over = spreads(folds)
    assert over["val/ap"].values == {"a": 0.5, "e": 0.25} and over["val/ap"].mean == 0.375
    assert over["test/ap"].values == {"a": 0.25}
    nothing = over["val/pck"]
    assert (nothing.values, nothing.mean, nothing.std, nothing.worst) == ({}, None, None, None)


def test_only_finished_folds_count_but_all_of_them_cost():
    folds = {
        "a": fold({"val/ap": 0.5}, seconds=8.0),
        "b": None,
        **{state: fold({"val/ap": 0.0}, state, seconds=2.0) for state in ("failed", "running", "stopped")},
        "c": fold({"val/ap": 0.7}, seconds=None),
    }
    assert list(finished(folds)) == ["a", "c"]
    assert spreads(folds)["val/ap"].values == {"a": 0.5, "c": 0.7}
    assert spent(folds, "seconds") == {"a": 8.0, "failed": 2.0, "running": 2.0, "stopped": 2.0}
    assert spreads({"b": None, "d": folds["failed"]}) == {}


def test_metrics_of_the_validation_come_first():
    names = ["train/loss", "x", "test/ap", "val/mse", "val/ap/black", "val/ap"]
    assert list(spreads({"a": fold(dict.fromkeys(names, 0.5))})) == [
        "val/ap", "val/ap/black", "val/mse", "test/ap", "train/loss", "x"
    ]  # fmt: skip
    assert [name for name in names if is_plain(name)] == ["train/loss", "x", "test/ap", "val/mse", "val/ap"]
