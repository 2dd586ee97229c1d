"""Processes that help a verb, killed as a machine short of memory kills them."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import lightning as L
import pytest
import torch

from cellmark.cli.job import run_verb
from cellmark.data.datamodule import lost_loaders_told
from cellmark.errors import CellmarkError
from cellmark.runs.record import read_run
from tests.cli.test_main import composed
from tests.integration.test_going_on import command, kept, told, write_pictures
from tests.verbs import cellmark, training

PATIENCE = 100  # seconds


class KillLoaders(L.Callback):
    """Kills the processes that load data, in the second epoch."""

    def on_train_batch_start(self, trainer, pl_module, batch, index):
        if trainer.current_epoch == 1:
            for loader in multiprocessing.active_children():
                os.kill(loader.pid, signal.SIGKILL)
            time.sleep(1)


@pytest.mark.slow
def test_a_loader_that_dies_ends_the_training_with_a_line(plain_root, tmp_path):
    killing = [f"+callbacks.kill._target_={__name__}.KillLoaders", "data.num_workers=2"]
    arguments = [one for one in training(plain_root, tmp_path / "run") if one != "data.num_workers=0"]
    ended = cellmark(tmp_path / "said.txt", *arguments, *killing)
    assert ended.status == 1 and "Traceback" not in ended.said, ended.said
    (line,) = [line for line in ended.said.splitlines() if line.startswith("error:")]
    assert "a process that loads data died" in line and "data.num_workers=0" in line
    assert read_run(tmp_path / "run").state == "failed"
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["epoch"] == 0
    done = cellmark(tmp_path / "said.txt", "train", "ckpt=last", f"output_dir={tmp_path}/run", "data.num_workers=0")
    assert done.status == 0 and read_run(tmp_path / "run").epochs == 5, done.said


def test_other_errors_of_a_training_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes do not"), lost_loaders_told():
        raise RuntimeError("shapes do not fit")
    with pytest.raises(CellmarkError, match="loads data died"), lost_loaders_told():
        raise RuntimeError("DataLoader worker (pid 3) is killed by signal: Killed. ")


def workers_of(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc to find the processes")
def test_a_reading_process_that_dies_ends_the_verb_with_a_line(tmp_path):
    write_pictures(tmp_path / "pictures", 2000)
    arguments = command("read", tmp_path, tmp_path / "out", "workers=2", "overlay=false")
    process = subprocess.Popen(
        [sys.executable, "-m", "cellmark.cli.main", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + PATIENCE
    while kept(tmp_path / "out", "read") < 10:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    said = process.communicate(timeout=PATIENCE)[1].decode()
    assert process.returncode == 1 and "Traceback" not in said, said
    assert "error: read: a working process died" in said and f"the same command with output_dir={tmp_path}/out" in said
    before = kept(tmp_path / "out", "read")
    assert 10 <= before < 2001
    assert run_verb("read", composed(*arguments, "workers=1")) == 1
    assert run_verb("read", composed(*command("read", tmp_path, tmp_path / "whole", "overlay=false"))) == 1
    assert told(tmp_path / "out") == told(tmp_path / "whole")
