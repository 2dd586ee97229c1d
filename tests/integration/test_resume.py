"""A training that is killed or interrupted, and goes on: it must end as if nothing had happened, bit for bit."""

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from cellmark.runs.record import read_run
from cellmark.tasks.checkpoint import load_checkpoint
from tests.killing import contents, kill_half_way, run_to_the_end
from tests.verbs import Ended, Moment, cellmark, training

EPOCHS = 5
SETTINGS = ["optimizer.lr=0.01", "task.monitor=val/ap", "task.mode=max"]  # rises and falls, unlike the default
PLATEAU = [*SETTINGS, "scheduler=plateau", "scheduler.patience=0", "scheduler.factor=0.5"]
KINDS = {
    "plateau": PLATEAU,
    "one_cycle": [*SETTINGS, "scheduler=one_cycle", "callbacks.energy=null"],
    # three validations in an epoch
    "within": [*PLATEAU, "data.batch_size=2", "trainer.val_check_interval=2", "callbacks.energy=null"],
}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def checkpoint(folder: Path, name: str = "last"):
    return torch.load(folder / f"checkpoints/{name}.ckpt", weights_only=True)


def same(a, b) -> bool:
    """Equality to the last bit, of anything that a checkpoint holds."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b or (a != a and b != b)


def assert_same_run(one: Path, other: Path) -> None:
    a, b = checkpoint(one), checkpoint(other)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
        assert same(a[part], b[part]), part
    assert same(a["callbacks"]["MetricCurves"], b["callbacks"]["MetricCurves"])
    best, other_best = checkpoint(one, "best"), checkpoint(other, "best")
    assert same(best["state_dict"], other_best["state_dict"]) and best["epoch"] == other_best["epoch"]
    assert (one / "metrics.csv").read_bytes() == (other / "metrics.csv").read_bytes()
    for folder in (one, other) if (other / "energy.csv").exists() else ():
        assert [int(row["epoch"]) for row in rows(folder / "energy.csv")] == list(range(1, a["epoch"] + 2))
    told = [json.loads((folder / "summary.json").read_text()) for folder in (one, other)]
    assert told[0]["metrics"] == told[1]["metrics"] and {"train/loss", "val/mse"} <= told[0]["metrics"].keys()


def configs(folder: Path) -> dict[str, bytes]:
    names = ("config.yaml", ".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml")
    return {name: (folder / name).read_bytes() for name in names}


def resumed(folder: Path, *overrides: str, moment: Moment | None = None) -> Ended:
    """Goes on with a run; the configs it was begun with must stay as they are."""
    before = configs(folder)
    ended = cellmark(
        folder.parent / "said.txt", "train", "ckpt=last", f"output_dir={folder}", *overrides, moment=moment
    )
    assert configs(folder) == before
    return ended


@pytest.fixture(scope="module")
def wholes(tmp_path_factory, plain_root) -> dict[str, Path]:
    """A run of each kind that nobody disturbed."""
    root = tmp_path_factory.mktemp("whole")
    for kind, settings in KINDS.items():
        ended = cellmark(root / "said.txt", *training(plain_root, root / kind, *settings))
        assert ended.status == 0, ended.said
    return {kind: root / kind for kind in KINDS}


def test_the_plateau_is_reached(wholes):
    """Else the tests below would prove nothing of its state."""
    for kind in ("plateau", "within"):
        rates = [float(row["lr-AdamW"]) for row in rows(wholes[kind] / "metrics.csv") if row["lr-AdamW"]]
        assert len(rates) == EPOCHS and len(set(rates)) >= 3
        best = checkpoint(wholes[kind], "best")["epoch"]
        assert best < EPOCHS - 1  # so that a resume has a best score to keep


FINAL = Moment(EPOCHS + 1, 0, hook="validation_step")  # the best weights are measured, after the last epoch


@pytest.mark.parametrize(
    ("kind", "moments"),
    [
        ("plateau", [Moment(1, 1)]),
        ("plateau", [FINAL]),
        ("one_cycle", [Moment(3, 2), Moment(4, 0)]),
        ("within", [Moment(3, 1, hook="validation_step")]),
    ],
)
def test_a_killed_run_ends_as_if_nothing_had_happened(wholes, plain_root, tmp_path, kind, moments):
    folder = tmp_path / "run"
    command = training(plain_root, folder, *KINDS[kind])
    first, *others = moments
    assert cellmark(tmp_path / "said.txt", *command, moment=first).status == -signal.SIGKILL
    assert read_run(folder).state == "stopped" and not (folder / "summary.json").exists()
    for moment in others:
        assert resumed(folder, moment=moment).status == -signal.SIGKILL
    ended = resumed(folder)
    assert ended.status == 0, ended.said
    assert read_run(folder).state == "finished" and not (folder / "failure.json").exists()
    assert_same_run(folder, wholes[kind])
    attempts = sorted(path.name for path in (folder / ".hydra").glob("resumed_*"))
    assert attempts == [f"resumed_{number + 1}" for number in range(len(moments))]


@pytest.mark.slow
def test_a_killed_run_goes_on_at_once_with_another_number_of_workers(wholes, plain_root, tmp_path):
    """Loading processes that outlive the killed one by a few seconds are waited for: they inherited its lock."""
    folder = tmp_path / "run"
    command = training(plain_root, folder, *KINDS["plateau"], "data.num_workers=2")
    ended = cellmark(tmp_path / "said.txt", *command, moment=Moment(3, 1))
    assert ended.status == -signal.SIGKILL and read_run(folder).state in ("running", "stopped")
    ended = resumed(folder, "data.num_workers=0")
    assert ended.status == 0, ended.said
    assert_same_run(folder, wholes["plateau"])


@pytest.mark.slow
def test_a_killed_command_goes_on(wholes, plain_root, tmp_path):
    """As a person or the system kills it from outside, at any moment of epoch 3."""
    folder = tmp_path / "run"

    def rows_of_epoch_3() -> int:
        path = folder / "metrics.csv"
        return sum(row.get("epoch") == "2" for row in rows(path)) if path.exists() else 0

    command = training(plain_root, folder, *KINDS["plateau"], "data.num_workers=2")
    status, _ = kill_half_way(command, rows_of_epoch_3, 1)
    assert status == -signal.SIGKILL and read_run(folder).state == "stopped"
    assert 1 <= checkpoint(folder)["epoch"] < EPOCHS - 1
    before = configs(folder)
    run_to_the_end(["train", "ckpt=last", f"output_dir={folder}", "data.num_workers=0"])
    assert configs(folder) == before
    assert_same_run(folder, wholes["plateau"])


@pytest.mark.parametrize(("by", "group", "epoch"), [(signal.SIGINT, True, 1), (signal.SIGTERM, True, 3)])
def test_an_interrupted_run_says_how_to_go_on(wholes, plain_root, tmp_path, by, group, epoch):
    folder = tmp_path / "run"
    command = training(plain_root, folder, *KINDS["plateau"], "data.num_workers=2")
    ended = cellmark(tmp_path / "said.txt", *command, moment=Moment(epoch, 1, by, group=group))
    assert ended.status == 128 + by, ended.said
    told = [line for line in ended.said.splitlines() if line and not line.startswith("[20")]  # but for the log
    assert told == [f"cellmark train: interrupted; to go on: cellmark train ckpt=last output_dir={folder}"]
    with pytest.raises(ProcessLookupError):  # no process is left
        os.killpg(ended.group, 0)
    run = read_run(folder)
    assert run.state == "stopped" and run.epochs == epoch - 1 and run.error is None
    energy = json.loads((folder / "energy.json").read_text())
    assert energy["ended"] == "Interrupted" and energy["epochs"] == epoch - 1 and energy["kwh"] > 0
    assert not load_checkpoint(folder / "checkpoints/interrupted.ckpt").network.training
    assert (folder / "checkpoints/last.ckpt").exists() == (epoch > 1)
    ended = resumed(folder, "data.num_workers=0")
    assert ended.status == 0, ended.said
    assert_same_run(folder, wholes["plateau"])
    out = tmp_path / "out"
    arguments = [f"input={plain_root}/fold0", f"ckpt={folder}/checkpoints/interrupted.ckpt", f"output_dir={out}"]
    assert cellmark(tmp_path / "said.txt", "predict", *arguments, "scales=[1]").status == 0
    assert isinstance(json.loads((out / "predictions.json").read_text()), list)


def test_a_finished_run_is_prolonged_where_it_was_moved_to(wholes, plain_root, tmp_path):
    first, folder = tmp_path / "first", tmp_path / "moved"
    settings = [*KINDS["plateau"], "trainer.max_epochs=3"]
    assert cellmark(tmp_path / "said.txt", *training(plain_root, first, *settings)).status == 0
    first.rename(folder)
    before = (folder / "summary.json").read_bytes()
    ended = resumed(folder, f"trainer.max_epochs={EPOCHS}", f"data.root='{plain_root}'")
    assert ended.status == 0, ended.said
    assert_same_run(folder, wholes["plateau"])
    assert not first.exists()
    assert [path.read_bytes() for path in folder.glob("summary.until_*.json")] == [before]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["checkpoint"] == str(folder / "checkpoints/best.ckpt")  # of epoch 2, before it was moved
    assert summary["fit_seconds"] > json.loads(before)["fit_seconds"]
    before = contents(folder) | {"run.log": b""}
    ended = resumed(folder)
    assert ended.status == 1 and f"trainer.max_epochs=3: the run has {EPOCHS} epochs already" in ended.said
    assert contents(folder) | {"run.log": b""} == before
