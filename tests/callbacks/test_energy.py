"""Energy: the callback in tiny trainings, and the meter by itself."""

import csv
import json
import math
import os
import signal
import socket
import threading
import time
from dataclasses import asdict
from types import SimpleNamespace

import lightning as L
import pytest
import torch

from cellmark.callbacks import energy_meter
from cellmark.callbacks.energy import COLUMNS, Energy
from cellmark.callbacks.energy_meter import EnergyMeter, Spent, nvml_indices
from cellmark.errors import CellmarkError
from tests.callbacks.short import short, threads_left


def rows_of(folder):
    with (folder / "energy.csv").open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def callback_of(done):
    (energy,) = (callback for callback in done.trainer.callbacks if isinstance(callback, Energy))
    return energy


def test_one_row_for_each_epoch_and_sums_that_agree(run):
    done = run.done
    assert (done.folder / "energy.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    rows = rows_of(done.folder)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    total = total_kg = 0.0
    for row in rows:
        assert row["cpu_kwh"] > 0 and row["ram_kwh"] > 0 and row["gpu_kwh"] >= 0
        assert row["kwh"] == pytest.approx(row["cpu_kwh"] + row["gpu_kwh"] + row["ram_kwh"], rel=1e-6)
        assert row["kg_co2"] == pytest.approx(0.11 * row["kwh"], rel=1e-6)
        assert row["watts"] == pytest.approx(row["kwh"] * 1000 * 3600 / row["seconds"], rel=1e-6)
        total, total_kg = total + row["kwh"], total_kg + row["kg_co2"]
        assert row["total_kwh"] == pytest.approx(total, rel=1e-6)
        assert row["total_kg_co2"] == pytest.approx(total_kg, rel=1e-6)


def test_the_report_covers_the_whole_fit(run):
    done = run.done
    report = json.loads((done.folder / "energy.json").read_text())
    rows = rows_of(done.folder)
    assert report["ended"] == "normally" and report["epochs"] == 4
    assert report["kwh"] >= rows[-1]["total_kwh"] * (1 - 1e-6)
    assert report["kg_co2"] == pytest.approx(0.11 * report["kwh"], rel=1e-6)
    assert report["kwh"] == pytest.approx(report["cpu_kwh"] + report["gpu_kwh"] + report["ram_kwh"], rel=1e-6)
    assert report["mean_watts"] == pytest.approx(report["kwh"] * 3.6e6 / report["seconds"])
    assert (report["kg_per_kwh"], report["country"], report["scope"]) == (0.11, "BEL", "machine")
    assert "estimate" in report["measured"]["ram"] and report["measured"]["cpu"]
    assert report["hardware"]["cpu_threads"] == os.cpu_count()
    assert callback_of(done).total() == {"kwh": report["kwh"], "kg_co2": report["kg_co2"]}


def test_the_summary_tells_it(run):
    done = run.done
    summary = json.loads((done.folder / "summary.json").read_text())
    assert {key: summary[key] for key in ("kwh", "kg_co2")} == callback_of(done).total()
    report = json.loads((done.folder / "energy.json").read_text())
    assert 0.5 * summary["fit_seconds"] < report["seconds"] < summary["fit_seconds"] + 0.1


def test_nothing_is_left_behind(run):
    assert not run.threads and not run.new_files
    assert not list(run.done.folder.rglob("emissions*"))


@pytest.mark.parametrize(
    ("interrupt", "error", "raised"), [(False, "RuntimeError", RuntimeError), (True, "KeyboardInterrupt", SystemExit)]
)
def test_a_failing_run_is_measured_until_then(plain_root, tmp_path, interrupt, error, raised):
    fail = f"+callbacks.fail={{_target_: tests.callbacks.short.FailAt, epoch: 1, interrupt: {interrupt}}}"
    threads, handler = set(threading.enumerate()), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(raised):
            short(
                plain_root,
                tmp_path / "a",
                fail,
                "callbacks.pictures=null",
                "callbacks.energy.kg_per_kwh=0.5",
                "trainer.max_epochs=3",
            )
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning turns it off while it shuts down
    assert not threads_left(threads)
    (row,) = rows_of(tmp_path / "a")
    report = json.loads((tmp_path / "a/energy.json").read_text())
    assert report["ended"] == error and report["epochs"] == 1
    assert report["kwh"] > row["kwh"] and report["seconds"] > row["seconds"]
    assert report["kg_co2"] == pytest.approx(0.5 * report["kwh"], rel=1e-6)
    assert (tmp_path / "a/plots/curves.png").is_file()


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # the other callbacks are left out here
def test_a_resumed_run_goes_on_from_its_checkpoint(run, tmp_path):
    done = run.done
    again = Energy()
    trainer = L.Trainer(
        max_epochs=6,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
        use_distributed_sampler=False,
        callbacks=[again],
    )
    ckpt = done.folder / "checkpoints/last.ckpt"
    trainer.fit(done.task, datamodule=done.datamodule, ckpt_path=str(ckpt), weights_only=True)
    rows = rows_of(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[:4] == rows_of(done.folder)
    assert again.total()["kwh"] >= sum(row["kwh"] for row in rows) * (1 - 1e-6)
    assert rows[4]["total_kwh"] > rows[3]["total_kwh"]


def test_two_meters_at_once_without_a_network(monkeypatch):
    tried = []

    def refuse(*address):
        tried.append(address)
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("CODECARBON_EMISSIONS_ENDPOINT", "http://localhost:9")
    monkeypatch.setenv("CODECARBON_ELECTRICITYMAPS_API_TOKEN", "token")
    first, second = EnergyMeter(0.11, "BEL", cpu_watts=100), EnergyMeter(1.0, "FRA", cpu_watts=100)
    time.sleep(0.2)
    spent = [first.stop(), second.stop()]
    assert not tried
    assert [one.kg_co2 / one.kwh for one in spent] == pytest.approx([0.11, 1.0])
    for one in spent:
        watts = one.cpu_kwh * 3.6e6 / one.seconds
        assert 0.9 * 10 < watts < 1.1 * 100  # codecarbon counts at least a tenth of the full load


def test_a_meter_reads_more_and_more():
    meter = EnergyMeter(0.11, "BEL")
    try:
        readings = []
        for _ in range(3):
            time.sleep(0.07)
            readings.append(meter.read())
        assert readings[0].kwh < readings[1].kwh < readings[2].kwh
        assert 0.21 <= readings[2].seconds < 5
        told = meter.describe()
        assert told["hardware"]["ram_gb"] > 0 and set(told["measured"]) >= {"cpu", "ram"}
        json.dumps(told)
    finally:
        last = meter.stop()
    assert last.seconds >= readings[2].seconds and last.kwh >= readings[2].kwh


def test_a_failed_reading_is_told_and_costs_nothing_later(monkeypatch, caplog):
    meter = EnergyMeter(0.11, "BEL")
    try:
        time.sleep(0.06)
        before = meter.read()
        time.sleep(0.06)
        with monkeypatch.context() as patch:
            patch.setattr(meter._tracker, "_do_measurements", lambda: 1 / 0)
            assert meter.read() == before
        assert "gave no figures" in caplog.text
        time.sleep(0.06)
        assert meter.read().kwh > before.kwh
    finally:
        meter.stop()


def test_a_meter_that_cannot_start_is_an_error(monkeypatch):
    threads = set(threading.enumerate())
    monkeypatch.setattr(energy_meter.OfflineEmissionsTracker, "_do_measurements", lambda self: 1 / 0)
    with pytest.raises(CellmarkError, match=r"callbacks\.energy=null"):
        EnergyMeter(0.11, "BEL")
    assert not threads_left(threads)


def test_spans_add_up():
    one, two = Spent(2.0, 1, 2, 3, 6, 0.6), Spent(1.0, 0.5, 0.5, 0.5, 1.5, 0.15)
    assert asdict((one + two) - two) == pytest.approx(asdict(one))
    assert Spent(3600, kwh=0.25).watts == pytest.approx(250)
    assert Spent().watts == 0


def test_the_used_gpus_are_found_by_their_uuid(monkeypatch, caplog):
    uuids = {0: "bbb-2", 1: "ccc-3"}
    known = [{"uuid": f"GPU-{name}", "gpu_index": k} for k, name in enumerate(("aaa-1", "bbb-2", "ccc-3"))]
    devices = SimpleNamespace(get_gpu_static_info=lambda: known)
    monkeypatch.setattr(energy_meter, "AllGPUDevices", lambda: devices)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=uuids[device]))
    assert nvml_indices([1]) == [2] and nvml_indices([0, 1]) == [1, 2]
    assert not caplog.text
    uuids[0] = "MIG-x"
    assert nvml_indices([0]) is None and "cannot tell which GPUs" in caplog.text


@pytest.mark.parametrize("wrong", [{"kg_per_kwh": -1}, {"kg_per_kwh": math.nan}, {"cpu_watts": 0}, {"scope": "town"}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(CellmarkError, match=next(iter(wrong))):
        Energy(**wrong)
