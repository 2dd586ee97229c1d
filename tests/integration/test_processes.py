"""Trainings of two processes give what one process gives, and leave what one leaves."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest
import torch
from hydra.utils import instantiate

from cellmark.callbacks import pictures
from cellmark.cli.evaluate import evaluate
from cellmark.cli.train import train
from cellmark.data.images import read_image
from tests.cli.test_main import composed
from tests.conftest import write_plain_folders
from tests.integration.two_processes import FAST, KEPT, ONE, PARTS, ROOT, SEEN, SMALL, TWO, at_work, finish, start

pytestmark = pytest.mark.slow
TROUBLES = ("error", "none", "killed")
PLAIN = [f"backbone._target_={PARTS}.PlainBackbone", "~backbone.widths", "~backbone.blocks"]
PLAIN += [f"decoder._target_={PARTS}.PlainDecoder", "~decoder.max_stride"]
PLAIN += ["optimizer._target_=torch.optim.SGD", "optimizer.lr=0.5", "loss=mse", "scheduler=one_cycle"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Seven images in a folder: no number that two batches of two, or two processes, share evenly."""
    return write_plain_folders(tmp_path_factory.mktemp("odd"), folders=3, images=7)


@pytest.fixture(scope="module")
def started(tmp_path_factory, root):
    """One sweep of three trainings of two processes: two that fail, each in its way, and a good one between them."""
    folder = tmp_path_factory.mktemp("sweep") / "a"
    kinds = f"callbacks.trouble.kind={','.join(TROUBLES)}"
    settings = [*FAST, *SMALL, *TWO, f"data.root={root}", f"output_dir={folder}", SEEN, KEPT, kinds]
    settings += ["task.codec.threshold=0.05", "optimizer.lr=5e-3"]  # an untrained network finds something, too
    return folder, start(["-m", *settings, "trainer.max_epochs=3"], folder)


@pytest.fixture(scope="module")
def sweep(started, pair):
    """What the sweep has come to, which was at work while another fixture was."""
    folder, process = started
    status, out, err = finish(process)
    return SimpleNamespace(folder=folder, status=status, out=out, err=err, good=folder / "1")


def told(sweep, kind):
    return json.loads((sweep.folder / str(TROUBLES.index(kind)) / "failure.json").read_text())


def seen(folder):
    """(stage, epoch, batch) -> the images of each process."""
    lines = [[line.split() for line in (folder / f"seen/{rank}.txt").read_text().splitlines()] for rank in (0, 1)]
    keys = [[tuple(line[:3]) for line in own] for own in lines]
    assert keys[0] == keys[1]
    return {key: (a[3].split(","), b[3].split(",")) for key, a, b in zip(keys[0], *lines, strict=True)}


def test_each_sample_comes_once(sweep):
    """14 images to train on, in three whole steps of four; seven to validate on."""
    batches = seen(sweep.good)
    assert {len(share) for (stage, *_), shares in batches.items() for share in shares if stage == "train"} == {2}
    counts = Counter()
    for (stage, epoch, _), shares in batches.items():
        counts.update((stage, epoch, name) for share in shares for name in share)
    assert set(counts.values()) == {1}
    passes = Counter((stage, epoch) for stage, epoch, _ in counts)
    expected = {("train", "0"): 12, ("train", "1"): 12, ("train", "2"): 12, ("validate", "3"): 7}
    assert passes == expected | {("fit", "0"): 7, ("fit", "1"): 7, ("fit", "2"): 7}


def test_the_metrics_are_those_of_one_process(sweep, root):
    settings = [f"data.root={root}", "data.test_folder=fold0", "ckpt=x", "data.num_workers=0", "data.batch_size=3"]
    config = composed("evaluate", *settings)
    expected, _, _ = evaluate(str(sweep.good / "checkpoints/best.ckpt"), config.data, config.trainer, config.metrics)
    found = json.loads((sweep.good / "summary.json").read_text())["metrics"]
    names = {name.removeprefix("test/") for name in expected}
    assert {"mse", "ap", "pck", "cell_f1_50", "loc_error_px", "coco_ap", "ap/white"} <= names
    for name in names:
        value = np.nan if found[f"val/{name}"] is None else found[f"val/{name}"]
        assert value == pytest.approx(expected[f"test/{name}"], rel=1e-6, abs=1e-9, nan_ok=True), name
    assert all(found[f"val/{name}"] > 0 for name in ("mse", "ap", "pck", "cell_f1_25/black", "loc_error_px/white"))


def test_one_process_writes_the_files(sweep):
    good = sweep.good
    assert len(list(good.rglob("config.yaml"))) == 2  # and Hydra's own
    assert {path.parent.name for path in good.rglob("config.yaml")} == {"1", ".hydra"}
    assert len(list(good.rglob("metrics.csv"))) == len(list(good.rglob("run.log"))) == 1
    writers = {path.name.split(".")[-2] for path in good.rglob("events.out.tfevents.*")}
    assert len(writers) == 1  # the number of the process
    rows = list(csv.DictReader((good / "metrics.csv").read_text().splitlines()))
    filled = [(row["step"], tuple(sorted(key for key, value in row.items() if value))) for row in rows]
    assert len(set(filled)) == len(filled)
    assert [row["step"] for row in rows if row["train/loss_step"]] == [str(step) for step in range(9)]
    assert sum(1 for row in rows if row["val/mse"]) == 4
    assert sorted(path.name for path in (good / "predictions").iterdir()) == [
        f"epoch-000{epoch}-{kind}.png" for epoch in (1, 3) for kind in ("fixed", "worst")
    ]
    assert sorted(path.name for path in (good / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_everything_is_told_once(sweep):
    assert sweep.status == 1
    assert sweep.out.count("best weights of") == 1
    errors = [line for line in sweep.err.splitlines() if line.startswith("error:")]
    assert [re.sub(r"/\S+", "FOLDER", line) for line in errors] == [
        "error: train: ProcessFailed: process 1 of this training: IndexError: the disk is full",
        "error: train: process 1 of this training was killed by SIGKILL",
        "error: 2 of 3 jobs of FOLDER failed: 0, 2",
    ]
    assert sweep.err.count('raise IndexError("the disk is full")') == 1
    assert "Connection closed by peer" not in sweep.err


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("error", "ProcessFailed", "process 1 of this training: IndexError: the disk is full"),
        ("killed", "CellmarkError", "process 1 of this training was killed by SIGKILL"),
    ],
)
def test_a_failure_of_any_process_is_that_of_the_run(sweep, kind, error, message):
    failure = told(sweep, kind)
    assert (failure["error"], failure["message"]) == (error, message)
    assert kind != "error" or "parts.py" in failure["traceback"]


def test_nothing_is_left_at_work(sweep):
    assert at_work(sweep.folder) == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory, root, started):
    """The same training in two processes, then in one, both started from Python; their sheets, the weights before."""
    drawn, runs = [], []
    draw = pictures.prediction_sheet

    def recording(rows, title, tile):
        drawn[-1].append((title, [row.name for row in rows]))
        return draw(rows, title, tile)

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setattr(pictures, "prediction_sheet", recording)
        for number, processes in enumerate((TWO, ONE)):
            drawn.append([])
            folder = tmp_path_factory.mktemp("pair") / str(number)
            settings = [*FAST, *SMALL, *processes, *PLAIN, f"data.root={root}", f"output_dir={folder}"]
            settings += ["trainer.max_epochs=4", "callbacks.progress=null", "+trainer.enable_progress_bar=false"]
            config = composed("train", *settings, "callbacks.pictures.every=2")
            runs.append(train(config))
    L.seed_everything(config.seed, verbose=False)
    before = instantiate(config.model).state_dict()
    return SimpleNamespace(two=runs[0], one=runs[1], drawn=drawn, before=before)


def test_two_processes_learn_what_one_learns(pair):
    """Three steps in each of four epochs; without BatchNorm, whose statistics are those of a share."""
    two, one = (run.task.network.state_dict() for run in (pair.two, pair.one))
    assert any("head" in name for name in one)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6)
        assert (value - pair.before[name]).abs().max() > 1e-3, name
    assert pair.two.metrics == pytest.approx(pair.one.metrics, rel=1e-4, abs=1e-6, nan_ok=True)


def test_every_logged_value_is_that_of_one_process(pair):
    texts = [(run.folder / "metrics.csv").read_text().splitlines() for run in (pair.two, pair.one)]
    for two, one in zip(*map(csv.DictReader, texts), strict=True):
        assert two.keys() == one.keys()
        for name, value in one.items():
            assert bool(two[name]) == bool(value), name
            if value:
                assert float(two[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-6, nan_ok=True), name


def test_the_sheets_show_what_those_of_one_process_show(pair):
    two, one = pair.drawn
    assert two == one and len(one) == 6
    for path in sorted((pair.one.folder / "predictions").iterdir()):
        sheets = [read_image(run.folder / "predictions" / path.name).astype(int) for run in (pair.two, pair.one)]
        assert np.abs(sheets[0] - sheets[1]).mean() < 0.1, path.name
