import csv
import io

import pytest
import yaml
from rich.console import Console

from cellmark.runs.comparison import compare
from cellmark.runs.comparison_table import columns, csv_text, markdown, reasons, rich_tables
from cellmark.runs.record import find_runs, read_run
from tests.runs.made import made_run

NASTY = "a|b`c*_<i>[x](y)"


def made(root):
    metrics = {"val/cell_f1_50": 0.8125, "val/mse": 1 / 3, "val/mse/black": 0.1, "val/pck": None}
    made_run(root / "good", {"name": NASTY}, {}, metrics, (7200.0, 0.012345, 0.0013), 12_345_678)
    made_run(root / "bad", {"optimizer.lr": 1e30}, {}, state="failed")
    made_run(root / "cut", {"trainer.max_epochs": 40}, {}, {"val/cell_f1_50": 0.5}, parameters=9000, state="stopped")
    return compare([read_run(folder) for folder in find_runs([root])], "val/cell_f1_50")


def test_the_table_for_people(tmp_path):
    table = {column.title: column.cells for column in columns(made(tmp_path))}
    assert table == {
        "#": ["1", "2", "3"],
        "run": ["good", "cut", "bad"],
        "state": ["finished", "stopped", "failed"],
        "optimizer.lr": ["0.001", "0.001", "1e+30"],
        "trainer.max_epochs": ["10", "40", "10"],
        "name": [NASTY, "cells", "cells"],
        "val/cell_f1_50": ["0.8125", "0.5000", "-"],
        "val/mse": ["0.3333", "0.5000", "-"],
        "val/pck": ["n/a", "-", "-"],
        "epochs": ["3", "3 of 40", "0 of 10"],
        "parameters, M": ["12.346", "0.009", "0.001"],
        "time, min": ["120.00", "0.17", "0.17"],
        "energy, Wh": ["12.3", "1.0", "1.0"],
        "CO2, g": ["1.30", "0.10", "0.10"],
    }


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"trainer.max_epochs": 3}, "3 of 3"),
        ({"trainer.max_epochs": 2}, "3"),  # prolonged
        ({"trainer.max_epochs": "ten"}, "3"),
        ({"trainer.max_epochs": -1}, "3"),
        ({"trainer.max_epochs": None}, "3"),
        ({"trainer": None}, "3"),
    ],
)
def test_epochs_of_an_unfinished_run(tmp_path, settings, told):
    made_run(tmp_path / "a", settings, {}, {"val/mse": 0.5}, state="stopped")
    (run,) = map(read_run, find_runs([tmp_path]))
    assert {column.title: column.cells for column in columns(compare([run], "val/mse"))}["epochs"] == [told]


def test_why_runs_failed(tmp_path):
    told = "run bad (row 3) failed: CellmarkError: the training diverged: its loss is nan"
    comparison = made(tmp_path)
    assert reasons(comparison) == [told]
    assert markdown(comparison).endswith(f"\n\n- {told}\n")


def test_markdown_has_as_many_cells_in_each_row_whatever_the_text(tmp_path):
    table, _, rest = markdown(made(tmp_path)).partition("\n\n")
    rows = [line.strip("|").split("|") for line in table.splitlines()]
    assert len(rows) == 2 + 3 and len({len(row) for row in rows}) == 1
    assert "<i>" not in table and rest.startswith("- run bad")


def test_csv_is_exact_and_whole(tmp_path):
    comparison = made(tmp_path)
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(csv_text(comparison)))}
    assert list(rows) == ["good", "cut", "bad"]
    for run in comparison.runs:
        row = rows[run.folder.name]
        assert row["folder"] == str(run.folder) and run.folder.is_absolute()
        assert row["state"] == run.state and row["error"] == (run.error or "") and int(row["epochs"]) == run.epochs
        assert (float(row["seconds"]), float(row["kwh"]), float(row["kg_co2"])) == (run.seconds, run.kwh, run.kg_co2)
        assert int(row["parameters"]) == run.parameters
        for name in ("val/cell_f1_50", "val/mse", "val/mse/black", "val/pck"):
            assert (float(row[name]) if row[name] else None) == run.metrics.get(name)
        assert yaml.safe_load(row["optimizer.lr"]) == run.config["optimizer"]["lr"]
        assert yaml.safe_load(row["name"]) == run.config["name"]


def test_a_wide_table_is_split_between_columns(tmp_path):
    comparison = made(tmp_path)
    assert len(rich_tables(comparison)) == 1
    parts = rich_tables(comparison, 60)
    assert len(parts) > 2
    console = Console(width=60, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    printed = console.export_text()
    assert max(map(len, printed.splitlines())) <= 60
    for column in columns(comparison):
        assert all(cell in printed for cell in column.cells)
    assert printed.count("good") == len(parts)
