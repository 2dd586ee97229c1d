"""How the first process of a training gets along with the others; the others are stand-ins that start quickly."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import lightning as L
import pytest
import torch
from omegaconf import OmegaConf

from cellmark.errors import CellmarkError
from cellmark.runs import other_process, processes
from cellmark.runs.other_process import ProcessFailed
from cellmark.runs.processes import other_processes

ROOT = Path(__file__).parents[2]
VARIABLES = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE", "LOCAL_RANK", "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setattr(other_process, "MODULE", "tests.runs.stand_in")
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def make_trainer(devices=3, strategy="ddp"):
    return L.Trainer(accelerator="cpu", devices=devices, strategy=strategy, logger=False, enable_checkpointing=False)


def make_config(folder, **keys):
    return OmegaConf.create({"name": "a", "output_dir": str(folder), "trainer": {"strategy": "ddp"}, **keys})


def state_of(folder, rank):
    path = folder / f"process_{rank}.yaml"
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return OmegaConf.load(path)


def at_work(pid):
    """False also for one that has ended and that nobody has asked for its status."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_each_gets_the_config_and_its_place_and_nothing_stays_behind(tmp_path, capfd):
    before = {name: os.environ.get(name) for name in VARIABLES}
    threads = torch.get_num_threads()
    config = make_config(tmp_path, codes={0: None, 2: "black"}, title="of ${name}", text="ä\n'b'", rate=1e-3)
    with other_processes(make_trainer(), config):
        torch.set_num_threads(threads + 1)
        os.environ["OMP_NUM_THREADS"] = "7"
        here = {name: os.environ[name] for name in VARIABLES[:5]}
    assert here["LOCAL_RANK"] == "0" and here["WORLD_SIZE"] == "3"
    for rank in (1, 2):
        state = state_of(tmp_path, rank)
        assert state.environment == here | {"LOCAL_RANK": str(rank)}
        assert OmegaConf.to_container(state.config) == OmegaConf.to_container(config, resolve=True)
        assert not at_work(state.pid)
    assert {name: os.environ.get(name) for name in VARIABLES} == before
    assert torch.get_num_threads() == threads
    out, err = capfd.readouterr()
    assert "standard error" in err and not out


@pytest.mark.parametrize(
    ("then", "kind", "told"),
    [
        ("error", ProcessFailed, "process 1 of this training: IndexError: the disk\nis full"),
        ("user error", CellmarkError, "process 1 of this training: no such folder"),
        ("die", CellmarkError, "process 1 of this training was killed by SIGKILL"),
    ],
)
@pytest.mark.parametrize("stumbles", [True, False], ids=["in the middle", "at the end"])
def test_the_error_of_another_is_told(tmp_path, then, kind, told, stumbles):
    with pytest.raises(kind) as raised, other_processes(make_trainer(2), make_config(tmp_path, then=then)):
        state_of(tmp_path, 1)
        if stumbles:
            raise RuntimeError("Connection closed by peer")
    assert str(raised.value) == told and raised.value.__suppress_context__ is stumbles
    if kind is ProcessFailed:
        assert 'raise IndexError("the disk' in raised.value.__notes__[0]


def test_what_fails_everywhere_is_told_once_and_by_the_first(tmp_path):
    with pytest.raises(IndexError), other_processes(make_trainer(2), make_config(tmp_path, then="error")):
        raise IndexError("the disk\nis full")
    theirs = make_config(tmp_path, then="user error")
    with pytest.raises(CellmarkError, match=r"^mine$"), other_processes(make_trainer(2), theirs):
        raise CellmarkError("mine")


@pytest.mark.parametrize("error", [ValueError, CellmarkError, KeyboardInterrupt, SystemExit])
def test_the_others_end_with_an_error_of_the_first(tmp_path, error):
    with pytest.raises(error, match=r"^mine$"), other_processes(make_trainer(2), make_config(tmp_path, then="sleep")):
        pid = state_of(tmp_path, 1).pid
        raise error("mine")
    assert not at_work(pid)


def test_one_that_hangs_at_the_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "GRACE", 0.3)
    for number, then in enumerate(("sleep", "stop")):
        (tmp_path / then).mkdir()
        with other_processes(make_trainer(2), make_config(tmp_path / then, then=then)):
            pid = state_of(tmp_path / then, 1).pid
        assert not at_work(pid), number


def test_signals_to_all_are_for_the_first_to_answer(tmp_path):
    signals = [int(signal.SIGINT), int(signal.SIGTERM)]
    with other_processes(make_trainer(2), make_config(tmp_path, signals=signals)):
        pass
    assert state_of(tmp_path, 1).config.signals == signals


def test_the_first_does_not_wait_in_vain(tmp_path, monkeypatch, capfd):
    """As on GPUs, where nothing tells it that another is gone."""
    monkeypatch.setattr(processes, "GRACE", 0.2)
    left, woken = [], threading.Event()
    monkeypatch.setattr(processes.os, "_exit", lambda status: (left.append(status), woken.set()))
    with pytest.raises(CellmarkError), other_processes(make_trainer(2), make_config(tmp_path, then="user error")):
        assert woken.wait(30)
    assert left == [1]
    assert json.loads((tmp_path / "failure.json").read_text())["message"].endswith("no such folder")
    assert capfd.readouterr().err.count("error: process 1 of this training: no such folder") == 1


FIRST = """
import sys, time
from omegaconf import OmegaConf
from cellmark.runs import other_process
other_process.MODULE = "tests.runs.stand_in"
config = OmegaConf.create({"output_dir": sys.argv[1], "then": "sleep"})
variables = {name: "1" for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE")}
other = other_process.OtherProcess(1, config, variables)
time.sleep(600)
"""


def test_no_other_process_outlives_the_first(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen([sys.executable, "-c", FIRST, str(tmp_path)], env=environment)
    try:
        pid = state_of(tmp_path, 1).pid
        assert at_work(pid)
    finally:
        first.kill()
        first.wait(60)
    deadline = time.monotonic() + 60
    while at_work(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_strategy_that_cannot_be_started_is_refused(tmp_path):
    config = make_config(tmp_path)
    config.trainer.strategy = "ddp_spawn"
    refused = pytest.raises(CellmarkError, match=r"trainer\.strategy=ddp_spawn starts")
    with refused, other_processes(make_trainer(2, "ddp_spawn"), config):
        pass


@pytest.mark.parametrize("strategy", ["auto", "ddp"])
def test_one_device_needs_no_others(tmp_path, strategy):
    before = dict(os.environ)
    with other_processes(make_trainer(1, strategy), make_config(tmp_path)):
        pass
    assert not list(tmp_path.iterdir()) and dict(os.environ) == before


def test_none_is_started_where_a_scheduler_does(tmp_path, monkeypatch):
    trainer = make_trainer(2)
    monkeypatch.setenv("LOCAL_RANK", "0")
    with other_processes(trainer, make_config(tmp_path)):
        pass
    assert not list(tmp_path.iterdir())
