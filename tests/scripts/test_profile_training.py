"""The script that tells where time and memory of a training go, and the profiler behind it."""

import sys
import threading
import time
from multiprocessing import get_context
from types import SimpleNamespace

import pytest

import profile_training
from benchmarks import memory, stages
from tests.verbs import SMALL


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets by hand."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(stages, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def test_time_belongs_to_the_innermost_stage_and_to_its_phase(clock):
    times = stages.StageTimes()
    moments = [
        (1, "start", "run_training_epoch"),
        (2, "start", "[Strategy]SingleDeviceStrategy.training_step"),
        (4, "start", "[CellTask]forward"),
        (9, "stop", "[CellTask]forward"),
        (10, "stop", "[Strategy]SingleDeviceStrategy.training_step"),
        (13, "start", "[LightningModule]CellTask.on_validation_model_eval"),
        (13, "stop", "[LightningModule]CellTask.on_validation_model_eval"),
        (13, "start", "[CellTask]forward"),
        (20, "stop", "[CellTask]forward"),
        (20, "start", "[Strategy]SingleDeviceStrategy.on_validation_end"),
        (20, "stop", "[Strategy]SingleDeviceStrategy.on_validation_end"),
        (23, "stop", "run_training_epoch"),
    ]
    for clock.now, what, action in moments:
        getattr(times, what)(action)
    assert {key: seconds for key, seconds in times.seconds.items() if seconds} == {
        ("training", "framework"): 1 + 1 + 3 + 3,
        ("training", "logging"): 2 + 1,
        ("training", "forward"): 5,
        ("validation", "forward"): 7,
    }
    assert sum(times.seconds.values()) == 23


def test_an_action_that_is_not_the_last_cannot_end():
    times = stages.StageTimes()
    times.start("[CellTask]forward")
    times.start("[CellTask]loss")
    with pytest.raises(AssertionError, match="forward ends before"):
        times.stop("[CellTask]forward")


def test_the_peak_holds_what_was_freed_again(monkeypatch):
    now = SimpleNamespace(resident=100.0)
    looked = threading.Semaphore(0)
    monkeypatch.setattr(memory, "EVERY", 0.01)
    monkeypatch.setattr(memory, "resident", lambda: looked.release() or now.resident)
    with memory.PeakMemory() as peak:
        for now.resident in (300.0, 200.0):
            for _ in range(2):  # one look may have begun before
                assert looked.acquire(timeout=10)
            while looked.acquire(blocking=False):
                pass
            assert looked.acquire(timeout=10)
    assert peak.most == 300


def test_memory_is_that_of_all_processes():
    alone = memory.resident()
    process = get_context("spawn").Process(target=time.sleep, args=(60,))
    process.start()
    try:
        assert memory.resident() > alone
    finally:
        process.kill()
        process.join()


@pytest.mark.slow
@pytest.mark.parametrize("given", [True, False])
def test_a_training_is_told_stage_by_stage(given, plain_root, monkeypatch, capsys):
    keys = [key for key in SMALL if not key.startswith(("trainer.max_epochs", "callbacks.curves"))]
    keys += [f"data.root={plain_root}", "data.val_folder=fold0"] if given else []
    monkeypatch.setattr(sys, "argv", ["profile_training.py", "--epochs", "3", "--images", "2", *keys])
    profile_training.main()
    said = capsys.readouterr().out
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:-1]]
        for line in said.splitlines()
        if line.startswith("│")
    }
    assert {*stages.STAGES, stages.FRAMEWORK, "read and fit", "augment", "collate", "1", "2", "3"} <= rows.keys()
    for stage in ("forward", "backward", "encode", "loss", "optimizer", "metrics"):
        assert float(rows[stage][0]) > 0, stage
    for stage in ("forward", "encode", "decode", "metrics"):
        assert float(rows[stage][2]) > 0, stage
    assert rows["backward"][2] == "0.00"
    shares = [float(rows[stage][k].rstrip("%")) for stage in (*stages.STAGES, stages.FRAMEWORK) for k in (1, 3)]
    assert sum(shares) == pytest.approx(100, abs=2)  # each is rounded
    assert all(float(rows[epoch][2]) > 100 for epoch in "123")
    assert "validation metrics: " in said and "most memory at once: " in said


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--epochs", "1"], "2 or more"), (["data.root=nowhere", "data.val_folder=0"], "error: .*nowhere")],
)
def test_bad_input_is_told(words, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["profile_training.py", *words])
    with pytest.raises(SystemExit, match=message if message.startswith("error") else "2"):
        profile_training.main()
    assert message.startswith("error") or message in capsys.readouterr().err
