"""The report of two folds that were trained."""

import csv
import json

import numpy as np
import pytest

from cellmark.files import write_json
from cellmark.runs.fold_report import write_fold_report
from cellmark.runs.record import read_run
from tests.callbacks.short import short


@pytest.fixture(scope="module")
def trained(tmp_path_factory, plain_root):
    """Folders of two folds, the second of which also has a test folder."""
    folder = tmp_path_factory.mktemp("cv")
    for name, settings in (("fold0", []), ("fold1", ["data.val_folder=fold1", "data.test_folder=fold2"])):
        short(
            plain_root,
            folder / "folds" / name,
            "trainer.max_epochs=1",
            "callbacks.pictures=null",
            "callbacks.curves=null",
            *settings,
        )
    return folder


def test_the_report_of_trained_folds(trained):
    own = {name: json.loads((trained / "folds" / name / "summary.json").read_text()) for name in ("fold0", "fold1")}
    runs = {name: read_run(trained / "folds" / name) for name in own}
    content = write_fold_report(trained, runs)
    assert content["missing"] == []
    assert content["per_fold"] == {name: summary["metrics"] for name, summary in own.items()}
    pairs = 0
    for name, mean in content["metrics"].items():
        told = [summary["metrics"].get(name) for summary in own.values()]
        values = np.array([value for value in told if value is not None], np.float64)
        assert mean == (pytest.approx(values.mean(), rel=1e-12) if len(values) else None)
        assert content["std"][name] == (pytest.approx(values.std(ddof=1), rel=1e-9) if len(values) > 1 else None)
        pairs += len(values) > 1
        assert not name.startswith("test/") or content["measured"][name] <= 1
    assert pairs > 5 and any(name.startswith("test/") for name in content["metrics"])
    mse = {name: summary["metrics"]["val/mse"] for name, summary in own.items()}
    assert content["worst"]["val/mse"] == {"fold": max(mse, key=mse.get), "value": max(mse.values())}
    assert content["fit_seconds"] == pytest.approx(sum(summary["fit_seconds"] for summary in own.values()))
    assert content["counts"]["parameters"] == own["fold0"]["counts"]["parameters"]
    with (trained / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fold"], row["state"], row["epochs"]) for row in rows] == [
        ("fold0", "finished", "1"),
        ("fold1", "finished", "1"),
    ]
    assert [float(row["val/mse"]) for row in rows] == list(mse.values())
    assert "| fold1 | fold1 | finished | 1 |" in (trained / "report.md").read_text()


def test_a_fold_that_failed_is_reported_with_its_reason(trained, tmp_path):
    write_json(tmp_path / "failure.json", {"error": "OSError", "message": "disk full", "traceback": ""})
    (tmp_path / "config.yaml").write_text((trained / "folds/fold0/config.yaml").read_text())
    content = write_fold_report(tmp_path / "cv", {"a": read_run(trained / "folds/fold1"), "b": read_run(tmp_path)})
    assert content["missing"] == ["b"]
    assert "failed after 0 epochs: OSError: disk full" in (tmp_path / "cv/report.md").read_text()
