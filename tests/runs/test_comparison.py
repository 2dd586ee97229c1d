from pathlib import Path

import pytest

from cellmark.errors import CellmarkError
from cellmark.runs.comparison import compare, run_names
from cellmark.runs.record import find_runs, read_run
from tests.runs.made import made_run


def compared(root, metric="val/cell_f1_50", metrics=None):
    return compare([read_run(folder) for folder in find_runs([root])], metric, metrics)


def test_the_best_run_comes_first(tmp_path):
    for name, value in {"a": 0.5, "b": 0.9, "c": 0.7}.items():
        made_run(tmp_path / name, metrics={"val/cell_f1_50": value, "val/loc_error_px": value})
    assert compared(tmp_path).names == ("b", "c", "a")
    assert compared(tmp_path, "val/loc_error_px").names == ("a", "c", "b")


def test_runs_without_the_metric_come_last(tmp_path):
    made_run(tmp_path / "10", metrics={"val/cell_f1_50": 0.1, "val/pck": 0.2})
    made_run(tmp_path / "9", state="failed")
    made_run(tmp_path / "8", state="stopped")
    made_run(tmp_path / "7", metrics={"val/cell_f1_50": None, "val/pck": 0.9})
    made_run(tmp_path / "6", metrics={"val/cell_f1_50": 0.4}, state="stopped")
    made_run(tmp_path / "2", metrics={"val/cell_f1_50": 0.1})
    comparison = compared(tmp_path)
    assert comparison.names == ("6", "2", "10", "7", "8", "9")
    assert comparison.values("val/cell_f1_50") == [0.4, 0.1, 0.1, None, None, None]


def test_columns_are_the_usual_metrics_that_there_are(tmp_path):
    made_run(tmp_path / "a", metrics={"val/pck": 0.1, "val/mse": 0.2, "val/mse/black": 0.3, "val/cell_recall_50": 0.4})
    made_run(tmp_path / "b", metrics={"test/ap": 0.1, "val/cell_f1_25": 0.2, "train/loss": 3.0})
    assert compared(tmp_path, "val/pck").metrics == ("val/pck", "val/mse", "val/cell_f1_25", "test/ap")
    assert compared(tmp_path, "val/pck", ["train/loss", "val/pck"]).metrics == ("val/pck", "train/loss")


def test_an_unknown_metric_is_an_error_that_lists_those_there_are(tmp_path):
    made_run(tmp_path / "a", metrics={"val/mse": 0.2, "val/mse/black": 0.3})
    made_run(tmp_path / "b", metrics={"test/ap": 0.1})
    with pytest.raises(CellmarkError, match=r"no run has the metric val/f1; there are test/ap, val/mse$"):
        compared(tmp_path, "val/f1")
    with pytest.raises(CellmarkError, match="no run has the metric val/x"):
        compared(tmp_path, "val/mse", ["val/x"])


def test_runs_of_which_none_was_measured_yet(tmp_path):
    made_run(tmp_path / "a", state="failed")
    made_run(tmp_path / "b", state="stopped")
    assert compared(tmp_path).names == ("b", "a")


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["/a/b/run"], ["run"]),
        (["/a/sweep/0", "/a/sweep/1"], ["0", "1"]),
        (["/a/x/1", "/a/y/1"], ["x/1", "y/1"]),
        (["/a/x", "/a/x/fine", "/a/x/fine/1"], ["x", "x/fine", "x/fine/1"]),
        (["/a/x", "/a/xy"], ["x", "xy"]),
    ],
)
def test_names_are_paths_from_the_common_folder(folders, names):
    assert run_names([Path(folder) for folder in folders]) == names


def test_the_main_difference_makes_groups(tmp_path):
    for number in range(12):
        lr, seed = [0.1, 0.2, 0.3][number % 3], number // 3
        made_run(tmp_path / str(number), {"data.batch_size": number, "seed": seed, "optimizer.lr": lr})
    comparison = compared(tmp_path)
    assert set(comparison.differences) == {"data.batch_size", "seed", "optimizer.lr"}
    assert comparison.main_difference() == "optimizer.lr"
    one = compare(comparison.runs[:1], "val/mse")
    assert one.differences == {} and one.main_difference() is None
