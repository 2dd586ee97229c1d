"""Trainings of two processes that are killed or interrupted, and such as a scheduler starts."""

import csv
import json
import signal
from types import SimpleNamespace

import pytest
import torch

from cellmark.cli.evaluate import evaluate
from cellmark.errors import CellmarkError
from cellmark.tasks.checkpoint import load_checkpoint
from tests.cli.test_main import composed
from tests.integration.two_processes import FAST, KEPT, SEEN, SMALL, TWO, at_work, finish, free_port, start, until

pytestmark = pytest.mark.slow


def settings(root, folder, *more):
    return [*FAST, *SMALL, *TWO, f"data.root={root}", f"output_dir={folder}", "trainer.max_epochs=3", SEEN, KEPT, *more]


def ended_by(arguments, folder, name):
    """How a training ends whose first process gets a signal in its second epoch; all of its processes end with it."""
    status, out, err = finish(start([*arguments, f"callbacks.trouble.kind={name}"], folder))  # when the last has ended
    until(lambda: not at_work(folder))
    return SimpleNamespace(status=status, out=out, err=err)


@pytest.fixture(scope="module")
def started(tmp_path_factory, plain_root):
    """A training without any trouble, its processes started as torchrun starts them, the second one first."""
    folder = tmp_path_factory.mktemp("whole") / "a"
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "none"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    arguments = settings(plain_root, folder)
    second = start(arguments, folder, RANK="1", LOCAL_RANK="1", **shared)
    until(lambda: (folder / "run.log").exists() or second.poll() is not None)
    return folder, [start(arguments, folder, RANK="0", LOCAL_RANK="0", **shared), second]


@pytest.fixture(scope="module")
def run(tmp_path_factory, plain_root, started):
    """A training that is killed, goes on, is told to end, and goes on to its end."""
    folder = tmp_path_factory.mktemp("run") / "a"
    first = settings(plain_root, folder)
    killed = ended_by([*first, "data.num_workers=1"], folder, "SIGKILL")
    told = ended_by([*first, "ckpt=last"], folder, "SIGTERM")
    kept = (folder / "checkpoints/interrupted.ckpt").rename(folder / "kept.ckpt")
    last = finish(start([*first, "ckpt=last"], folder))
    return SimpleNamespace(folder=folder, killed=killed, told=told, kept=kept, last=last)


@pytest.fixture(scope="module")
def whole(started, run):
    """What that training has come to; it is the one of ``run``."""
    folder, (first, second) = started
    ends = [finish(first)]
    if first.returncode:
        second.kill()  # it waits for the first one
    return SimpleNamespace(folder=folder, ends=[*ends, finish(second)])


def test_killed_and_resumed_is_never_interrupted(run, whole):
    """Weights, state of the optimizer and every logged value, bit for bit."""
    assert run.last[0] == 0, run.last[2]
    ends = [torch.load(one.folder / "checkpoints/last.ckpt", weights_only=True) for one in (run, whole)]
    for name, value in ends[1]["state_dict"].items():
        assert torch.equal(ends[0]["state_dict"][name], value), name
    states = [end["optimizer_states"][0]["state"] for end in ends]
    for key, own in states[1].items():
        assert all(torch.equal(states[0][key][name], value) for name, value in own.items())
    tables = [(one.folder / "metrics.csv").read_text().splitlines() for one in (run, whole)]
    assert list(csv.DictReader(tables[0])) == list(csv.DictReader(tables[1]))
    summaries = [json.loads((one.folder / "summary.json").read_text()) for one in (run, whole)]
    assert summaries[0]["metrics"] == summaries[1]["metrics"]


def test_interrupted_is_no_failure_and_leaves_its_weights(run):
    assert run.told.status == 128 + signal.SIGTERM, run.told.err
    assert run.told.err.count("cellmark train: interrupted") == 1 and "Traceback" not in run.told.err
    assert list(load_checkpoint(run.kept).classes) == ["black", "white"]
    assert not (run.folder / "failure.json").exists()


def test_the_killed_one_was_killed(run):
    assert run.killed.status == -signal.SIGKILL
    assert (run.folder / "seen/0.txt").read_text().count("train 1 0 ") == 3  # it went on in the second epoch, twice


def test_processes_of_a_scheduler_leave_one_run(whole):
    assert [status for status, *_ in whole.ends] == [0, 0], whole.ends
    assert [out.count("best weights of") for _, out, _ in whole.ends] == [1, 0]
    assert {path.name for path in whole.folder.glob("*.yaml")} == {"config.yaml"}
    for name in ("config.yaml", "hydra.yaml", "overrides.yaml"):
        assert (whole.folder / ".hydra" / name).is_file()
    assert len(list(whole.folder.rglob("metrics.csv"))) == len(list(whole.folder.rglob("run.log"))) == 1
    assert len({path.name.split(".")[-2] for path in whole.folder.rglob("events.out.tfevents.*")}) == 1
    lines = (whole.folder / "run.log").read_text().splitlines()
    assert len(set(lines)) == len(lines)
    assert sorted(path.name for path in (whole.folder / "seen").iterdir()) == ["0.txt", "1.txt"]


def test_evaluate_refuses_several_devices(whole, plain_root):
    config = composed("evaluate", f"data.root={plain_root}", "ckpt=x", "data.num_workers=0")
    config.trainer.update({"devices": 2, "accelerator": "cpu"})
    with pytest.raises(CellmarkError, match="evaluate works on one device, not on 2"):
        evaluate(str(whole.folder / "checkpoints/best.ckpt"), config.data, config.trainer, config.metrics)
