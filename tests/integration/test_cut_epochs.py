"""Trainings that end by early stopping, or within an epoch, and are to go on later."""

import json

import lightning as L
import pytest
import torch

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from cellmark.runs.record import read_run
from cellmark.tasks.checkpoint import load_checkpoint
from tests.callbacks.short import short
from tests.cli.test_main import composed

QUIET = ["energy", "curves", "pictures", "pr_curves", "every_epochs"]
SETTINGS = [*(f"callbacks.{name}=null" for name in QUIET), "metrics.coco=null", "+trainer.enable_progress_bar=false"]


class StopWithin(L.Callback):
    """Ends a training in the middle of an epoch, as ``trainer.max_time`` does."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == self.epoch and batch_idx == 0:
            trainer.should_stop = True


def go_on(folder, *overrides):
    given = ["ckpt=last", f"output_dir={folder}", *overrides]
    return run_verb("train", composed("train", *given), given)


def last(folder):
    return torch.load(folder / "checkpoints/last.ckpt", weights_only=True)


def equal(one, other):
    return all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


def test_an_early_stopped_run_stays_stopped(plain_root, tmp_path):
    stopping = ["callbacks=early_stopping", "callbacks.early_stopping.patience=1"]
    stopping += ["callbacks.early_stopping.min_delta=10"]
    done = short(plain_root, tmp_path / "a", *stopping, *SETTINGS, "trainer.max_epochs=9")
    before = last(done.folder)
    assert before["epoch"] == 1
    (done.folder / "summary.json").unlink()  # as if killed while the best weights were measured
    go_on(done.folder)
    assert last(done.folder)["global_step"] == before["global_step"]
    summary = json.loads((done.folder / "summary.json").read_text())
    assert summary["metrics"]["val/mse"] == pytest.approx(done.metrics["val/mse"])
    assert "train/loss" in summary["metrics"]


def test_an_epoch_that_was_cut_short_is_trained_whole_by_a_resume(plain_root, tmp_path):
    whole = short(plain_root, tmp_path / "whole", *SETTINGS, "trainer.max_epochs=3", "augment=basic")
    stop = f"+callbacks.stop={{_target_: {__name__}.StopWithin, epoch: 1}}"
    cut = short(plain_root, tmp_path / "cut", *SETTINGS, "trainer.max_epochs=3", "augment=basic", stop)
    assert last(cut.folder)["epoch"] == 0 and cut.trainer.global_step == 4
    load_checkpoint(cut.folder / "checkpoints/interrupted.ckpt")
    go_on(cut.folder, "+callbacks.stop=null")
    assert equal(last(whole.folder), last(cut.folder))
    assert read_run(cut.folder).epochs == 3


def test_a_run_whose_last_checkpoint_is_gone_does_not_begin_again(plain_root, tmp_path):
    done = short(plain_root, tmp_path / "a", *SETTINGS, "trainer.max_epochs=1")
    metrics = (done.folder / "metrics.csv").read_bytes()
    (done.folder / "checkpoints/last.ckpt").unlink()
    with pytest.raises(CellmarkError, match=r"last\.ckpt: not there: the run has finished epochs"):
        go_on(done.folder, "trainer.max_epochs=2")
    assert (done.folder / "metrics.csv").read_bytes() == metrics and (done.folder / "summary.json").exists()


def test_a_run_that_ends_by_steps_cannot_go_on(plain_root, tmp_path):
    done = short(plain_root, tmp_path / "a", *SETTINGS, "trainer.max_epochs=-1", "+trainer.max_steps=6")
    with pytest.raises(CellmarkError, match="a run that ends by steps cannot go on"):
        go_on(done.folder)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("+trainer.logger=false", r"trainer\.logger: set by cellmark"),
        ("+trainer.plugins=[]", r"trainer\.plugins: set by cellmark"),
    ],
)
def test_keys_of_the_trainer_that_the_run_folder_decides_are_refused(override, reason, plain_root, tmp_path):
    with pytest.raises(CellmarkError, match=reason):
        short(plain_root, tmp_path / "a", *SETTINGS, override)


def test_a_schedule_of_ones_own_that_waits_for_a_metric_is_stepped_once_for_each_validation(plain_root, tmp_path):
    own = "scheduler={_target_: tests.integration.test_cut_epochs.own_plateau, _partial_: true}"
    done = short(plain_root, tmp_path / "a", *SETTINGS, "trainer.max_epochs=3", "~scheduler", f"+{own}")
    assert done.trainer.lr_scheduler_configs[0].scheduler.last_epoch == 3


def own_plateau(optimizer, **_):
    return {"scheduler": torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer), "monitor": "val/loss"}
