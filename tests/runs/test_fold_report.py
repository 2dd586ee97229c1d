"""What is written of folds that nobody trained."""

import csv
import json
import re
import statistics

import numpy as np
import pytest

from cellmark.data.images import read_image
from cellmark.runs import fold_report
from cellmark.runs.fold_report import write_fold_report
from tests.runs.fold_runs import fold

SCORES = {
    "clean": {"val/mse": 0.0123456789012345, "val/ap": 0.91, "val/ap/black": 0.95, "train/loss": 1.5},
    "dirty": {"val/mse": 0.03, "val/ap": 0.62, "val/ap/black": 0.6, "train/loss": 1.25, "test/ap": 0.75},
    "far": {"val/mse": 0.02, "val/ap": None, "train/loss": 1.0},
}
BROKEN = fold({"val/ap": 0.01}, "failed", epochs=1, seconds=3.5, kwh=None, kg_co2=None, error="RuntimeError: no | disk")


def folds_of(scores=SCORES):
    return {name: fold(metrics) for name, metrics in scores.items()}


def table_of(folder):
    with (folder / "folds.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables_of(page):
    """Each table of a Markdown page by the heading above it, as rows of cells."""
    sections = re.split(r"^#+ (.*)\n", page, flags=re.MULTILINE)
    found = {}
    for title, text in zip(sections[1::2], sections[2::2], strict=True):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n") if line[:1] == "|"]
        found[title] = [row for row in rows if not row[0].startswith(":--")]
    return found


def test_the_files_and_nothing_else(tmp_path):
    content = write_fold_report(tmp_path / "cv", folds_of())
    names = ["folds.csv", "report.md", "report.png", "summary.json"]
    assert sorted(path.name for path in (tmp_path / "cv").iterdir()) == names
    assert json.loads((tmp_path / "cv/summary.json").read_text()) == content
    assert read_image(tmp_path / "cv/report.png").std() > 5


def test_the_summary_holds_mean_deviation_and_worst(tmp_path):
    content = write_fold_report(tmp_path, folds_of())
    mse = [0.0123456789012345, 0.03, 0.02]
    assert list(content["metrics"]) == ["val/ap", "val/ap/black", "val/mse", "test/ap", "train/loss"]
    assert content["metrics"]["val/mse"] == pytest.approx(np.mean(mse), rel=1e-14)
    assert content["std"]["val/mse"] == pytest.approx(np.std(mse, ddof=1), rel=1e-12)
    assert content["std"]["val/ap"] == pytest.approx(statistics.stdev([0.91, 0.62]), rel=1e-14)
    assert content["std"]["test/ap"] is None and content["metrics"]["test/ap"] == 0.75
    assert content["worst"]["val/mse"] == {"fold": "dirty", "value": 0.03}
    assert content["worst"]["val/ap"] == {"fold": "dirty", "value": 0.62}
    assert content["worst"]["train/loss"] == {"fold": "clean", "value": 1.5}
    assert content["per_fold"] == SCORES
    assert content["measured"] == {
        "val/ap": 2, "val/ap/black": 2, "val/mse": 3, "test/ap": 1, "train/loss": 3,
        "fit_seconds": 3, "kwh": 3, "kg_co2": 3,
    }  # fmt: skip
    assert (content["folds"], content["missing"]) == (["clean", "dirty", "far"], [])
    assert content["counts"] == {"folds": 3, "finished": 3, "missing": 0, "parameters": 900}
    assert {"torch", "cellmark", "python"} <= set(content["versions"]) and "git_revision" in content
    assert (content["fit_seconds"], content["kwh"]) == (31.5, pytest.approx(0.006))


def test_what_is_missing_costs_but_does_not_count(tmp_path):
    content = write_fold_report(tmp_path, {"new": None, **folds_of(), "broken": BROKEN})
    assert content["missing"] == ["new", "broken"] and content["folds"] == ["new", *SCORES, "broken"]
    assert content["worst"]["val/ap"]["value"] == 0.62 and list(content["per_fold"]) == list(SCORES)
    assert content["counts"] == {"folds": 5, "finished": 3, "missing": 2, "parameters": 900}
    assert (content["fit_seconds"], content["measured"]["fit_seconds"]) == (35.0, 4)
    assert (content["kwh"], content["measured"]["kwh"]) == (pytest.approx(0.006), 3)


def test_networks_of_different_size_have_no_common_number_of_parameters(tmp_path):
    folds = {"a": fold({}, parameters=5), "b": fold({}, parameters=6)}
    assert write_fold_report(tmp_path, folds)["counts"]["parameters"] is None


def test_the_table_is_exact(tmp_path):
    write_fold_report(tmp_path, {"new": None, **folds_of(), "broken": BROKEN})
    rows = table_of(tmp_path)
    metrics = ["val/ap", "val/ap/black", "val/mse", "test/ap", "train/loss"]
    assert list(rows[0]) == ["fold", "state", "epochs", "seconds", "kwh", "kg_co2", *metrics]
    assert [row["fold"] for row in rows] == ["new", "clean", "dirty", "far", "broken"]
    assert [row["state"] for row in rows] == ["not started", "finished", "finished", "finished", "failed"]
    for row in rows[1:4]:
        told = {name: float(row[name]) for name in metrics if row[name]}
        assert told == {name: value for name, value in SCORES[row["fold"]].items() if value is not None}
        assert (row["epochs"], row["seconds"], row["kwh"], row["kg_co2"]) == ("4", "10.5", "0.002", "0.001")
    assert set(rows[0].values()) == {"new", "not started", ""}
    assert [*rows[4].values()] == ["broken", "failed", "1", "3.5", *[""] * 7]


def test_the_page_has_the_plain_metrics_first(tmp_path):
    write_fold_report(tmp_path, folds_of())
    page = (tmp_path / "report.md").read_text()
    tables = tables_of(page)
    assert tables["Metrics"] == [
        ["metric", "better", "mean", "std", "folds", "worst fold", "clean", "dirty", "far"],
        ["val/ap", "higher", "0.7650", "0.2051", "2", "dirty", "0.9100", "**0.6200**", ""],
        ["val/mse", "lower", "0.0208", "0.00885", "3", "dirty", "0.0123", "**0.0300**", "0.0200"],
        ["test/ap", "higher", "0.7500", "", "1", "dirty", "", "0.7500", ""],
        ["train/loss", "lower", "1.2500", "0.2500", "3", "clean", "**1.5000**", "1.2500", "1.0000"],
    ]
    classes = tables["Metrics of single classes and folders"]
    assert [row[0] for row in classes] == ["metric", "val/ap/black"]
    assert "sample standard deviation" in page and "n - 1" in page and "](report.png)" in page
    assert "3 of 3 folds finished" in page and "backbone compact, loss mse" in page and "`val/mse`" in page
    assert "In all: 31.5 s, 6.00 Wh, 3.00 g CO2." in page
    assert "Missing" not in tables


def test_the_page_says_what_is_missing_why_and_what_to_do(tmp_path):
    folds = {"new": None, **folds_of(), "broken": BROKEN, "cut": fold({}, "stopped", epochs=2)}
    write_fold_report(tmp_path, folds | {"slow": fold({}, "running")})
    page = (tmp_path / "report.md").read_text()
    assert tables_of(page)["Missing"] == [
        ["fold", "why"],
        ["new", "not started"],
        ["broken", "failed after 1 epoch: RuntimeError: no &#124; disk"],
        ["cut", "stopped after 2 epochs"],
        ["slow", "running, 4 epochs so far"],
    ]
    assert "3 of 7 folds finished" in page and "The same command, started again, goes on with these folds" in page
    costs = {row[0]: row[1:] for row in tables_of(page)["Folds"]}
    assert costs["fold"] == ["held out", "state", "epochs", "time, s", "energy, Wh", "CO2, g"]
    assert costs["new"] == ["", "not started", "", "-", "-", "-"]
    assert costs["broken"] == ["0", "failed", "1", "3.5", "-", "-"] and costs["clean"][3:] == ["10.5", "2.00", "1.00"]
    assert "In all: 56.0 s, 10.0 Wh (5 of 6 folds), 5.00 g CO2 (5 of 6 folds)." in page


@pytest.mark.parametrize("folds", [{"a": None}, {"a": BROKEN, "b": None}, {"a": fold({"val/ap": None})}])
def test_without_a_metric_there_is_a_report_all_the_same(folds, tmp_path):
    content = write_fold_report(tmp_path, folds)
    assert not any(content["metrics"].values()) and not any(content["worst"].values())
    assert len(table_of(tmp_path)) == len(folds)
    assert f"of {len(folds)} folds finished" in (tmp_path / "report.md").read_text()
    assert read_image(tmp_path / "report.png").std() > 5


def test_costs_that_nobody_measured_are_null(tmp_path):
    content = write_fold_report(tmp_path, {"a": fold({"val/ap": 0.5}, seconds=None, kwh=None, kg_co2=None)})
    assert (content["fit_seconds"], content["kwh"], content["kg_co2"]) == (None, None, None)
    page = (tmp_path / "report.md").read_text()
    assert "time not measured, energy not measured, emissions not measured" in page


def test_one_fold_is_neither_worst_nor_spread(tmp_path):
    content = write_fold_report(tmp_path, {"only": fold({"val/ap": 0.5})})
    assert (content["metrics"], content["std"]) == ({"val/ap": 0.5}, {"val/ap": None})
    assert content["worst"] == {"val/ap": {"fold": "only", "value": 0.5}}
    assert tables_of((tmp_path / "report.md").read_text())["Metrics"][1][2:] == ["0.5000", "", "1", "only", "0.5000"]


@pytest.fixture
def drawn(monkeypatch):
    """Names and panels of the picture that is drawn."""
    told = {}

    def recording(names, panels, title):
        told.update(names=names, panels={panel.title: panel for panel in panels})
        return draw(names, panels, title)

    draw = fold_report.draw_folds
    monkeypatch.setattr(fold_report, "draw_folds", recording)
    return told


def test_panels_show_every_plain_metric_then_the_costs(tmp_path, drawn):
    write_fold_report(tmp_path, {**folds_of(), "broken": BROKEN})
    panels = drawn["panels"]
    assert drawn["names"] == ["clean", "dirty", "far", "broken (failed)"]
    assert list(panels) == ["val/ap", "val/mse", "test/ap", "train/loss", "Time of training (s)", "Energy (Wh)"]
    ap, mse, test = panels["val/ap"], panels["val/mse"], panels["test/ap"]
    assert (ap.values, ap.worst, ap.note) == ([0.91, 0.62, None, None], 1, "0.7650 \u00b1 0.2051")
    assert (
        mse.worst == 1 and mse.note.endswith("lower is better") and mse.mean == pytest.approx(np.mean(mse.values[:3]))
    )
    assert (test.values, test.worst, test.mean, test.std) == ([None, 0.75, None, None], None, None, None)
    assert panels["Time of training (s)"].values == [10.5, 10.5, 10.5, 3.5]
    assert panels["Energy (Wh)"].values == [pytest.approx(2), pytest.approx(2), pytest.approx(2), None]


def test_where_all_folds_are_the_same_none_is_marked(tmp_path, drawn):
    write_fold_report(tmp_path, {"a": fold({"val/ap": 0.5}), "b": fold({"val/ap": 0.5})})
    panel = drawn["panels"]["val/ap"]
    assert (panel.worst, panel.mean, panel.std) == (None, 0.5, 0.0)
    assert "**" not in (tmp_path / "report.md").read_text()


def test_a_new_report_takes_the_place_of_the_old_one(tmp_path):
    write_fold_report(tmp_path, {"clean": None, **{k: v for k, v in folds_of().items() if k != "clean"}})
    before = (tmp_path / "report.md").read_text()
    assert write_fold_report(tmp_path, folds_of())["missing"] == []
    assert (tmp_path / "report.md").read_text() != before and len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("name", ["a|b", "half \ud800", "$x$", "a,b\nc", "__x__", "漢字"])
def test_names_may_hold_anything(name, tmp_path):
    content = write_fold_report(tmp_path, {name: fold({"val/ap": 0.5, f"val/ap/{name}": 0.5}), "b": None})
    known = name.encode("utf-8", "backslashreplace").decode()
    assert content["folds"] == [known, "b"] and table_of(tmp_path)[0]["fold"] == known
    assert f"val/ap/{known}" in table_of(tmp_path)[0]
    assert {len(row) for row in tables_of((tmp_path / "report.md").read_text())["Metrics"]} == {7}


def test_no_folds_are_refused(tmp_path):
    with pytest.raises(ValueError, match="without folds"):
        write_fold_report(tmp_path, {})
    assert not list(tmp_path.iterdir())
