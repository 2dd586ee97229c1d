import csv
import errno
import os

import pytest
import torch

from cellmark.loggers.metrics_file import MetricsFile


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]


def logged(folder, steps, purge_step=None):
    """Two rows a step, the second with columns of its own."""
    logger = MetricsFile(str(folder), purge_step)
    for step in steps:
        logger.log_metrics({"loss": torch.tensor(step / 4), "epoch": step // 2}, step)
        logger.log_metrics({"val/mse": 1.0 / (step + 1)}, step)
    return logger


def test_every_step_is_a_row_at_once(tmp_path):
    logger = MetricsFile(str(tmp_path))
    logger.log_metrics({"loss": 0.5, "epoch": 0.0}, 0)
    assert rows(tmp_path) == [{"epoch": "0", "loss": "0.5", "step": "0"}]
    logger.log_metrics({"val/mse": float("nan")}, 0)
    logger.log_metrics({"loss": 1 / 3, "epoch": 1}, 1)
    assert rows(tmp_path)[1:] == [{"step": "0", "val/mse": "nan"}, {"epoch": "1", "loss": str(1 / 3), "step": "1"}]
    assert not list(tmp_path.glob(".*"))


def test_what_was_logged_is_read_back_exactly(tmp_path):
    logged(tmp_path, range(5))
    values = [row["val/mse"] for row in rows(tmp_path) if "val/mse" in row]
    assert [float(value) for value in values] == [1.0 / (step + 1) for step in range(5)]


@pytest.mark.parametrize("cut", [0, 1, 17])
def test_a_resumed_run_goes_on_as_if_nothing_had_happened(tmp_path, cut):
    """Steps 4 to 6 were logged in vain; ``cut`` bytes of the last row were lost to a full disk."""
    logged(tmp_path / "whole", range(9))
    logged(tmp_path / "killed", range(7))
    path = tmp_path / "killed/metrics.csv"
    path.write_bytes(path.read_bytes()[: -cut or None])
    logged(tmp_path / "killed", range(4, 9), purge_step=4)
    assert path.read_bytes() == (tmp_path / "whole/metrics.csv").read_bytes()


def test_a_resumed_run_may_have_other_columns(tmp_path):
    logged(tmp_path, range(2))
    MetricsFile(str(tmp_path), purge_step=2).log_metrics({"another": 1.0}, 2)
    assert len(rows(tmp_path)) == 5 and rows(tmp_path)[-1] == {"another": "1.0", "step": "2"}


def test_a_resume_from_the_beginning_and_a_new_run_begin_a_new_file(tmp_path):
    for purge_step in (0, None):
        logged(tmp_path, range(3))
        logged(tmp_path, range(1), purge_step)
        assert len(rows(tmp_path)) == 2
    logged(tmp_path / "new", range(1), purge_step=0)
    assert len(rows(tmp_path / "new")) == 2


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    logger = logged(tmp_path, range(2))
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:3]))
    with pytest.raises(OSError, match=r"metrics\.csv") as told:
        logger.log_metrics({"loss": 1.0}, 2)
    assert told.value.errno == errno.ENOSPC
