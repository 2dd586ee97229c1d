import math
import re
from pathlib import Path

import pytest
import yaml

from cellmark.errors import CellmarkError
from cellmark.files import locked
from cellmark.runs.record import find_runs, is_run, read_run
from tests.runs.made import made_run

METRICS = {"val/mse": 0.25, "val/cell_f1_50": 0.5}


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_a_run_is_read_whatever_became_of_it(tmp_path, state):
    folder = made_run(
        tmp_path / "a", metrics=METRICS, choices={"loss": "mse_focal"}, state=state, costs=(9, 2e-3, 3e-4)
    )
    run = read_run(folder)
    assert (run.folder, run.state, run.epochs) == (folder, state, 3)
    assert run.metrics == METRICS and run.choices["loss"] == "mse_focal" and "experiment" not in run.choices
    assert (run.parameters, run.seconds, run.kwh, run.kg_co2) == (1000, 9, 2e-3, 3e-4)
    assert run.error == ("CellmarkError: the training diverged:\nits loss is nan" if state == "failed" else None)
    assert run.config["optimizer"]["lr"] == 0.001 and run.config["output_dir"] == str(folder)


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_a_run_that_somebody_works_on_is_running(tmp_path, state):
    folder = made_run(tmp_path / "a", state=state)
    with locked(folder):
        assert read_run(folder).state == "running"
    assert read_run(folder).state == state


def test_an_unfinished_run_is_judged_by_its_best_validation(tmp_path):
    folder = made_run(tmp_path / "a", state="stopped")
    table = (
        "epoch,step,train/loss_epoch,val/mse,val/ap\n0,9,,0.5,0.9\n0,9,1,,\n1,19,,0.2,nan\n1,19,1,,\n2,29,,nan,0.3\n"
    )
    (folder / "metrics.csv").write_text(table)
    assert read_run(folder).metrics == {"val/mse": 0.2, "val/ap": None} and read_run(folder).epochs == 2
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["task"] |= {"monitor": "val/ap", "mode": "max"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    assert read_run(folder).metrics == {"val/mse": 0.5, "val/ap": 0.9}


def test_a_run_that_has_just_begun_has_nothing_to_tell(tmp_path):
    folder = made_run(tmp_path / "a", state="stopped")
    for name in ("energy.csv", "counts.json"):
        (folder / name).unlink()
    run = read_run(folder)
    assert (run.metrics, run.epochs, run.choices) == ({}, 0, {})
    assert (run.parameters, run.seconds, run.kwh, run.kg_co2) == (None, None, None, None)


def test_a_run_that_failed_before_it_wrote_its_config_is_read(tmp_path):
    folder = made_run(tmp_path / "a", choices={}, state="failed")
    (folder / "config.yaml").unlink()
    assert is_run(folder) and read_run(folder).state == "failed"
    assert read_run(folder).config["data"]["seed"] == 1  # which Hydra's own refers to another key for


def test_runs_are_found_below_folders_each_once(tmp_path):
    names = ("b", "a/1", "a/0", "a/deep/er")
    runs = {name: made_run(tmp_path / name, choices={}) for name in names}
    made_run(tmp_path / ".hidden/c")
    (tmp_path / "other").mkdir()
    assert find_runs([tmp_path]) == [runs[name] for name in ("a/0", "a/1", "a/deep/er", "b")]
    assert find_runs([runs["b"], tmp_path / "a"]) == [runs[name] for name in ("b", "a/0", "a/1", "a/deep/er")]
    assert find_runs([tmp_path / "a", runs["a/1"]]) == [runs[name] for name in ("a/0", "a/1", "a/deep/er")]
    for folder, reason in (("other", "other: no run of cellmark train in it"), ("gone", "gone: no such folder")):
        with pytest.raises(CellmarkError, match=reason):
            find_runs([tmp_path / folder])


BROKEN = {
    "config.yaml": [b"{", b"", b"- 1", b"plain text", b"\xff\xfe\x00", b"task: null", b"name: other\n"],
    "summary.json": [
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b'{"metrics": 3}',
        b'{"metrics": {"val/mse": "x"}}',
        b'{"counts": [1]}',
    ],
    "counts.json": [b"[]", b""],
    "failure.json": [b"null", b'{"message": "no error"}', b'{"error": "no message"}'],
    ".hydra/hydra.yaml": [b"{", b"", b"- 1", b"\xff", b"hydra: null", b"hydra: {runtime: {choices: null}}"],
    "metrics.csv": [b"\xff\n", b"epoch,train/loss_epoch\nx,1\n", b"train/loss_epoch\n1\n", b"val/mse\nx\n"],
    "energy.csv": [b"\xff\n", b"epoch,seconds\n1,2\n", b"seconds,total_kwh,total_kg_co2\nx,1,1\n"],
}


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, each in BROKEN.items() for content in each])
def test_a_file_that_is_no_training_s_is_named(tmp_path, name, content):
    folder = made_run(tmp_path / "a", choices={}, state="stopped")
    (folder / name).write_bytes(content)
    with pytest.raises(CellmarkError, match=re.escape(str(folder / name))):
        read_run(folder)


@pytest.mark.parametrize("content", [b"", b"- 1", b"hydra: null", b"hydra: {job: {config_name: other}}"])
def test_a_folder_of_another_program_is_no_run(tmp_path, content):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra/hydra.yaml").write_bytes(content)
    assert not is_run(tmp_path)


def test_a_line_that_is_still_being_written_does_not_count(tmp_path):
    folder = made_run(tmp_path / "a", state="stopped")
    table = "epoch,step,train/loss_epoch,val/mse\r\n0,9,,0.5\r\n0,9,1,\r\n1,19,,0.02"  # of 0.0213
    (folder / "metrics.csv").write_text(table)
    (folder / "energy.csv").write_text("epoch,seconds,total_kwh,total_kg_co2\n1,5,0.1,0.2\n2,6")
    run = read_run(folder)
    assert (run.metrics, run.epochs) == ({"val/mse": 0.5}, 1)
    assert (run.seconds, run.kwh, run.kg_co2) == (5, 0.1, 0.2)
    (folder / "metrics.csv").write_text("epoch,st")
    assert (read_run(folder).metrics, read_run(folder).epochs) == ({}, 0)


def test_numbers_that_are_not_finite_are_none(tmp_path):
    metrics, costs = (
        {"val/mse": math.nan, "val/ap": math.inf, "val/pck": None, "val/loss": 3},
        (math.nan, math.inf, 1.0),
    )
    run = read_run(made_run(tmp_path / "a", metrics=metrics, costs=costs))
    assert run.metrics == {"val/mse": None, "val/ap": None, "val/pck": None, "val/loss": 3}
    assert (run.seconds, run.kwh, run.kg_co2) == (None, None, 1.0)


def test_a_run_that_failed_as_its_config_could_not_be_composed_is_read_as_written(tmp_path):
    folder = made_run(tmp_path / "a", {"name": "${nope}"}, {}, state="failed")
    (folder / "config.yaml").unlink()
    run = read_run(folder)
    assert (run.state, run.config["name"], run.config["data"]["seed"]) == ("failed", "${nope}", "${seed}")
    assert run.config["output_dir"] == str(folder)


def test_the_reason_is_one_line(tmp_path):
    assert read_run(made_run(tmp_path / "a")).reason == "no reason was kept"
    told = "CellmarkError: the training diverged: its loss is nan"
    assert read_run(made_run(tmp_path / "b", state="failed")).reason == told


def test_a_run_of_the_first_format_is_read():
    folder = Path(__file__).parents[1] / "tasks/data/format_1"
    run = read_run(folder)
    assert find_runs([folder.parent]) == [folder]
    assert (run.state, run.epochs, run.parameters) == ("finished", 2, 2178)
    assert run.metrics["val/mse"] == pytest.approx(0.5073082447) and run.kwh is not None and run.seconds is not None
