from pathlib import Path
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn

from cellmark.callbacks.checkpoints import EpochCheckpoint
from cellmark.callbacks.resumption import EpochSeed, FitRecord, InterruptedCheckpoint, WholeFiles


def trainer(epoch=0, rank=0, fn=TrainerFn.FITTING, **more):
    parts = {"current_epoch": epoch, "global_rank": rank, "is_global_zero": rank == 0, "world_size": 1}
    return SimpleNamespace(**parts, state=SimpleNamespace(fn=fn), **more)


def numbers(seed, epoch, rank=0):
    EpochSeed(seed).on_train_epoch_start(trainer(epoch, rank), None)
    return tuple(torch.rand(4).tolist())


def test_dropout_depends_on_seed_epoch_and_process_alone():
    first = numbers(1, 0)
    torch.rand(100)
    assert numbers(1, 0) == first
    assert len({first, numbers(2, 0), numbers(1, 1), numbers(1, 0, rank=1), numbers(0, 1)}) == 5


def test_seconds_and_metrics_go_on_from_a_checkpoint(monkeypatch, caplog):
    now = [100.0]
    monkeypatch.setattr("cellmark.callbacks.resumption.time.perf_counter", lambda: now[0])
    begun = []
    record = FitRecord(lambda: begun.append(now[0]))
    record.on_fit_start(trainer(), None)
    now[0] += 5
    record.on_train_epoch_start(trainer(), None)
    values = {"train/loss": torch.tensor(0.5), "train/mse": torch.tensor(0.25), "val/mse": torch.tensor(1.0)}
    record.on_train_epoch_end(trainer(callback_metrics=values), None)
    state = record.state_dict()
    now[0] += 3  # in vain: the run is killed
    again = FitRecord()
    checkpoint = {"callbacks": {again.state_key: state}}
    again.on_load_checkpoint(trainer(fn=TrainerFn.VALIDATING), None, checkpoint)
    assert (again.seconds, again.metrics) == (0, {})
    again.on_load_checkpoint(trainer(), None, checkpoint)
    again.on_fit_start(trainer(), None)
    now[0] += 2
    again.on_fit_end(trainer(), None)
    assert (again.seconds, again.metrics, begun) == (7, {"train/loss": 0.5, "train/mse": 0.25}, [105.0])
    again.on_load_checkpoint(trainer(), None, {"callbacks": {}})  # of a run that was begun without it
    assert not caplog.records


def test_another_number_of_processes_is_told(caplog):
    record = FitRecord()
    checkpoint = {"callbacks": {record.state_key: record.state_dict() | {"processes": 2}}}
    record.on_load_checkpoint(trainer(), None, checkpoint)
    assert "1 processes, 2 until now" in caplog.text


@pytest.mark.parametrize("earlier", [False, True])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, earlier):
    path = tmp_path / "checkpoints/last.ckpt"
    if earlier:
        WholeFiles().save_checkpoint({"epoch": 1}, path)

    def fail(target, content):
        with target.open("wb") as file:
            file.write(content[:4])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"No space left.*last\.ckpt"):
        patch.setattr(Path, "write_bytes", fail)
        WholeFiles().save_checkpoint({"epoch": 2}, path)
    assert list(path.parent.iterdir()) == [path] * earlier
    assert not earlier or torch.load(path, weights_only=True) == {"epoch": 1}
    WholeFiles().save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 2} and path.stat().st_mode & 0o777 == 0o644


class Task(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(2, 1)

    def on_save_checkpoint(self, checkpoint):
        checkpoint["cellmark"] = {"format": 1}


def test_only_an_interruption_is_kept_and_by_the_first_process(tmp_path):
    callback, task = InterruptedCheckpoint(tmp_path), Task()
    callback.on_exception(trainer(), task, RuntimeError())
    callback.on_exception(trainer(rank=1), task, KeyboardInterrupt())
    assert not list(tmp_path.iterdir())
    for error in (KeyboardInterrupt(), SystemExit(143)):
        callback.on_exception(trainer(epoch=4), task, error)
        content = torch.load(tmp_path / "interrupted.ckpt", weights_only=True)
        assert content["epoch"] == 4 and content["cellmark"] == {"format": 1}
        assert torch.equal(content["state_dict"]["network.weight"], task.network.weight)
        (tmp_path / "interrupted.ckpt").unlink()


def test_the_best_checkpoint_is_known_where_the_run_was_moved_to(tmp_path):
    old, new = tmp_path / "old/checkpoints", tmp_path / "new/checkpoints"
    state = {
        "monitor": "val/mse",
        "best_model_score": torch.tensor(0.25),
        "best_model_path": f"{old}/best.ckpt",
        "current_score": torch.tensor(0.5),
        "dirpath": str(old),
        "best_k_models": {f"{old}/best.ckpt": torch.tensor(0.25)},
        "kth_best_model_path": f"{old}/best.ckpt",
        "kth_value": torch.tensor(0.25),
        "last_model_path": "",
    }
    callback = EpochCheckpoint(new, filename="best", monitor="val/mse")
    callback.load_state_dict(state)
    assert callback.best_model_path == callback.kth_best_model_path == f"{new}/best.ckpt"
    assert list(callback.best_k_models) == [f"{new}/best.ckpt"] and callback.last_model_path == ""
    assert callback.best_model_score == callback.kth_value == 0.25
    strategy = SimpleNamespace(reduce_boolean_decision=lambda decision: decision)
    assert not callback.check_monitor_top_k(trainer(strategy=strategy), torch.tensor(0.3))
    assert callback.check_monitor_top_k(trainer(strategy=strategy), torch.tensor(0.2))


def test_two_checkpoints_may_differ_in_their_files_alone(tmp_path):
    keys = {EpochCheckpoint(tmp_path, filename=name).state_key for name in ("last", "epoch-{epoch:04d}")}
    assert len(keys) == 2
