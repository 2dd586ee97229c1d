import csv
import json

import pytest

from cellmark.cli.compare import run
from cellmark.cli.job import run_verb
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from cellmark.files import locked
from tests.cli.test_main import composed
from tests.runs.made import made_run

FILES = {"table.md", "table.csv", "comparison.png"}


@pytest.fixture
def sweep(tmp_path):
    """Runs as a sweep leaves them: two finished ones, one that failed and one that was killed."""
    root = tmp_path / "sweep"
    for number, lr in enumerate([0.1, 0.2]):
        made_run(root / str(number), {"optimizer.lr": lr}, {}, {"val/cell_f1_50": 0.5 + lr, "val/mse": lr})
    made_run(root / "2", {"optimizer.lr": 1e30}, {}, state="failed")
    made_run(root / "3", {"optimizer.lr": 0.3}, {}, {"val/cell_f1_50": 0.4}, state="stopped")
    (root / "multirun.yaml").write_text("hydra: {}\n")
    return root


def rows(folder):
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_side_by_side(sweep, tmp_path, capsys):
    assert run_verb("compare", composed("compare", f"input={sweep}", f"output_dir={tmp_path}/out")) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    table = rows(tmp_path / "out")
    assert [row["run"] for row in table] == ["1", "0", "3", "2"]
    assert [row["state"] for row in table] == ["finished", "finished", "stopped", "failed"]
    assert [float(row["optimizer.lr"]) for row in table] == [0.2, 0.1, 0.3, 1e30]
    assert read_image(tmp_path / "out/comparison.png").std() > 5
    printed = capsys.readouterr().out
    assert "run 2 (row 4) failed: CellmarkError: the training diverged: its loss is nan" in printed
    for text in ("optimizer.lr", "0.7000", "1e+30", "4 runs, by val/cell_f1_50", f"{tmp_path}/out/table.md"):
        assert text in printed


def test_a_job_that_failed_at_composing_is_one_of_the_runs(sweep, tmp_path, capsys):
    made_run(sweep / "4", {"name": "${nope}"}, {}, state="failed")
    (sweep / "4/config.yaml").unlink()
    run(input=str(sweep), metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "out"))
    table = {row["run"]: row for row in rows(tmp_path / "out")}
    assert list(table) == ["1", "0", "3", "2", "4"]
    assert (table["4"]["state"], table["4"]["name"], table["0"]["name"]) == ("failed", "${nope}", "cells")
    differences = list(table["4"])[9 : list(table["4"]).index("val/cell_f1_50")]
    assert differences == ["optimizer.lr", "name"]
    assert "run 4 (row 5) failed" in capsys.readouterr().out


def test_errors_are_sorted_from_the_smallest_up(sweep, tmp_path):
    settings = [f"input={sweep}", "metric=val/mse", "columns=[val/cell_f1_50]", f"output_dir={tmp_path}/out"]
    run_verb("compare", composed("compare", *settings))
    assert [row["run"] for row in rows(tmp_path / "out")] == ["0", "1", "3", "2"]


def test_runs_that_are_picked_by_hand(sweep, tmp_path):
    picked = [str(sweep / "0"), str(sweep / "3"), str(sweep / "0")]
    run(input=picked, metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "out"))
    assert [row["run"] for row in rows(tmp_path / "out")] == ["0", "3"]


def test_a_run_that_is_at_work(sweep, tmp_path):
    with locked(sweep / "3"):
        run(input=str(sweep), metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "out"))
    assert {row["run"]: row["state"] for row in rows(tmp_path / "out")}["3"] == "running"


def test_folds_of_a_cross_validation_are_runs(tmp_path):
    for name in ("paper", "metal"):
        made_run(tmp_path / "cv/folds" / name, {"data.val_folder": name}, {}, {"val/cell_f1_50": 0.5, "val/mse": 1.0})
    (tmp_path / "cv/summary.json").write_text(json.dumps({"folds": 2}))
    run(input=str(tmp_path / "cv"), metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "cv/compare"))
    table = rows(tmp_path / "cv/compare")
    assert [(row["run"], row["data.val_folder"]) for row in table] == [("metal", "metal"), ("paper", "paper")]


def test_runs_that_were_never_measured_have_no_figure(tmp_path, capsys):
    made_run(tmp_path / "a", state="failed")
    run(input=str(tmp_path / "a"), metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {"comparison.png"}
    assert "no figure: no run has val/cell_f1_50" in capsys.readouterr().out


@pytest.mark.parametrize("count", [1, 13])
def test_any_number_of_runs(count, tmp_path):
    for number in range(count):
        metrics = {"val/cell_f1_50": number / count, "val/mse": 1.0}
        made_run(tmp_path / "a" / str(number), {"seed": number}, None, metrics, (1.0 + number**2, 1e-6, 1e-7))
    run(input=str(tmp_path / "a"), metric="val/cell_f1_50", columns=None, output_dir=str(tmp_path / "out"))
    assert [row["run"] for row in rows(tmp_path / "out")] == [str(number) for number in reversed(range(count))]
    assert (tmp_path / "out/comparison.png").is_file()


def test_nothing_is_overwritten_and_nothing_half_done_stays(sweep, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(CellmarkError, match="already there; nothing is overwritten"):
        run(input=str(sweep), metric="val/mse", columns=None, output_dir=str(tmp_path / "out"))
    with pytest.raises(CellmarkError, match="there are val/cell_f1_50, val/mse"):
        run(input=str(sweep), metric="val/f1", columns=None, output_dir=str(tmp_path / "new"))
    assert {path.name for path in tmp_path.iterdir()} == {"out", "sweep"}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("input", "nowhere", "nowhere: no such folder"),
        ("input", [], "at least one folder"),
        ("input", None, "input=null: a folder is needed"),
        ("input", [None], r"input=\[null\]: at least one folder"),
        ("metric", None, "metric=null: a metric"),
        ("columns", "val/mse", "a list is needed"),
    ],
)
def test_what_cannot_be_compared_is_told(sweep, tmp_path, key, value, reason):
    given = {"input": str(sweep), "metric": "val/mse", "columns": None, "output_dir": str(tmp_path / "out")}
    with pytest.raises(CellmarkError, match=reason):
        run(**(given | {key: value}))
