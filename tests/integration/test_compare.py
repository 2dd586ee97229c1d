"""Real trainings side by side: finished, failed, at work, and killed."""

import csv
import subprocess
import sys
import time

import pytest

from cellmark.cli.job import run_verb
from tests.callbacks.short import FAST
from tests.cli.test_main import composed
from tests.killing import PATIENCE

TRAIN = [sys.executable, "-m", "cellmark.cli.main", "train"]
QUIET = [f"callbacks.{name}=null" for name in ("pictures", "pr_curves", "curves")]
QUIET += ["metrics.coco=null", "metrics.pck=null", "logger.tensorboard=null"]
FIXED = {"run", "folder", "state", "error", "epochs", "parameters", "seconds", "kwh", "kg_co2"}


def settings(root, folder):
    fast = [text for text in FAST if not text.startswith("loss=")]
    return [f"data.root={root}", "data.val_folder=fold0", *fast, *QUIET, "mode=unified", f"output_dir={folder}"]


def compared(folder, *inputs):
    """The rows of the table, by name of the run, in order."""
    given = f"input=[{','.join(map(str, inputs))}]"
    assert run_verb("compare", composed("compare", given, "metric=val/mse", f"output_dir={folder}")) == 0
    assert (folder / "comparison.png").is_file()
    with (folder / "table.csv").open(newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def wait_for_epochs(process, run, least):
    """Until some epochs of a training are over, and validated."""
    deadline, energy = time.monotonic() + 2 * PATIENCE, run / "energy.csv"
    while not energy.is_file() or len(energy.read_text().splitlines()) <= least + 1:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_sweep_with_a_job_that_fails_and_a_run_that_is_killed(plain_root, tmp_path, capsys):
    endless = ["loss=mse", "trainer.max_epochs=1000000"]
    process = subprocess.Popen([*TRAIN, *settings(plain_root, tmp_path / "endless"), *endless])
    try:
        jobs = ["-m", *settings(plain_root, tmp_path / "sweep"), "trainer.max_epochs=2"]
        command = [*TRAIN, *jobs, "loss=mse,penalty_reduced_focal_embedding"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
        assert answer.returncode == 1 and "at least 2 classes" in answer.stderr
        wait_for_epochs(process, tmp_path / "endless", 2)
        first = compared(tmp_path / "out1", tmp_path / "sweep", tmp_path / "endless")
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(PATIENCE)
    again = compared(tmp_path / "out2", tmp_path / "endless", tmp_path / "sweep")
    states = {"sweep/0": "finished", "sweep/1": "failed", "endless": "running"}
    assert {name: row["state"] for name, row in first.items()} == states
    assert {name: row["state"] for name, row in again.items()} == states | {"endless": "stopped"}
    assert "run sweep/1 (row 3) failed: CellmarkError: " in capsys.readouterr().out
    assert "at least 2 classes" in first["sweep/1"]["error"]
    assert first["sweep/0"]["epochs"] == "2" and int(again["endless"]["epochs"]) >= int(first["endless"]["epochs"]) >= 2
    differing = {name for name in set(first["endless"]) - FIXED if not name.startswith(("val/", "train/"))}
    assert differing == {"loss", "model.heads.embedding", "trainer.max_epochs"}
    for row in (first["sweep/0"], first["endless"], again["endless"]):
        assert all(float(row[name]) > 0 for name in ("val/mse", "seconds", "kwh", "kg_co2", "parameters"))
