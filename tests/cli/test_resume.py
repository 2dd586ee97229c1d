"""What a run that goes on keeps, and what is refused."""

import shutil

import pytest
from omegaconf import OmegaConf

from cellmark.cli.job import run_verb
from cellmark.cli.resume import continued
from cellmark.cli.train import train
from cellmark.errors import CellmarkError, FolderInUse
from cellmark.files import locked
from cellmark.runs import folder as run_folder
from cellmark.runs.record import read_run
from tests.cli.test_main import composed
from tests.conftest import write_plain_folders
from tests.killing import contents
from tests.verbs import training

OWN = ["seed=3", "backbone.widths=[4,8]"]
QUICK = ["trainer.max_epochs=1", "callbacks.energy=null", "callbacks.curves=null", "metrics.coco=null"]


@pytest.fixture(scope="module")
def done(tmp_path_factory, plain_root):
    """A finished run of one epoch."""
    folder = tmp_path_factory.mktemp("done") / "run"
    train(composed(*training(plain_root, folder, *QUICK, "scheduler=one_cycle", *OWN)))
    (folder / ".hydra").mkdir()  # as Hydra leaves it
    (folder / ".hydra/overrides.yaml").write_text(OmegaConf.to_yaml(OWN))
    return folder


@pytest.fixture
def run(done, tmp_path):
    """A copy of it, at another place."""
    return shutil.copytree(done, tmp_path / "run")


def ask(folder, *overrides, ckpt="last"):
    keys = [f"ckpt={ckpt}", *([f"output_dir={folder}"] if folder else []), *overrides]
    return composed("train", *keys), keys


def resume(folder, *overrides):
    return run_verb("train", *ask(folder, *overrides))


def test_the_saved_configuration_counts_with_paths_of_now(run, done):
    config = continued(*ask(run))
    saved = OmegaConf.load(run / "config.yaml")
    assert saved.output_dir == str(done) and config.output_dir == str(run)
    assert config.callbacks.checkpoint.dirpath == f"{run}/checkpoints"
    assert (config.seed, config.data.root, config.ckpt) == (3, saved.data.root, "last")
    text = OmegaConf.to_yaml(config).replace("ckpt: last", "ckpt: null").replace(str(run), str(done))
    assert text == OmegaConf.to_yaml(saved)


def test_what_a_run_does_not_depend_on_may_be_another(run):
    changes = ["trainer.max_epochs=9", "data.root='my data'", "data.num_workers=1", "~callbacks.curves"]
    changes += ["+callbacks.new={_target_:a.B}", "logger.csv=null", "+trainer.detect_anomaly=true"]
    config = continued(*ask(run, *changes, *OWN))
    assert (config.trainer.max_epochs, config.data.root, config.data.num_workers) == (9, "my data", 1)
    assert config.callbacks.curves is None and config.callbacks.new == {"_target_": "a.B"}
    assert config.logger.csv is None and config.trainer.detect_anomaly is True
    assert config.seed == 3 and config.backbone.widths == [4, 8]


@pytest.mark.parametrize(
    "change",
    [
        "seed=4",
        "backbone=resnet18",
        "backbone.widths=[8,8]",
        "data.batch_size=8",
        "optimizer.lr=1",
        "trainer=ddp",
        "callbacks=early_stopping",
        "weights.ckpt=a.ckpt",
        "experiment=demo",
    ],
)
def test_what_would_make_it_another_run_is_refused_by_name(run, change):
    before = contents(run)
    with pytest.raises(CellmarkError) as told:
        resume(run, change)
    assert str(told.value).startswith(f"{change}: a run that goes on keeps its configuration")
    assert "trainer.devices=2" in str(told.value) and contents(run) == before


def test_the_overrides_of_a_resume_are_not_those_of_the_run(run):
    (run / ".hydra/overrides.yaml").write_text("[ckpt=last, backbone=resnet18]")  # of a run begun from Python
    with pytest.raises(CellmarkError, match="backbone=resnet18: a run that goes on keeps"):
        continued(*ask(run, "backbone=resnet18"))


def test_what_may_be_another_counts_even_if_the_run_was_given_it_before(run):
    (run / ".hydra/overrides.yaml").write_text("[trainer.max_epochs=5, trainer.max_epochs=1]")
    assert continued(*ask(run)).trainer.max_epochs == 1
    assert continued(*ask(run, "trainer.max_epochs=5")).trainer.max_epochs == 5


def test_there_must_be_a_run_to_go_on_with(run, tmp_path):
    with pytest.raises(CellmarkError, match="empty: no run to go on with; name its folder with output_dir="):
        resume(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    with pytest.raises(CellmarkError, match="no run to go on with; name its folder with output_dir="):
        resume(None)
    with pytest.raises(CellmarkError, match=r"ckpt=best.ckpt: ckpt=last goes on .* weights.ckpt=FILE begins"):
        run_verb("train", *ask(run, ckpt="best.ckpt"))


def test_a_run_that_another_process_works_in_is_left_alone(run, monkeypatch):
    monkeypatch.setattr(run_folder, "PATIENCE", 0.1)
    before = contents(run)
    with locked(run), pytest.raises(FolderInUse, match="run: another process works in it"):
        resume(run)
    assert contents(run) == before


def test_a_finished_run_stays_one_when_a_resume_is_refused(run, tmp_path):
    before = contents(run)
    more = write_plain_folders(tmp_path / "more", folders=3, images=7)
    for change, reason in {
        "trainer.max_epochs=2": "OneCycleLR was planned for 3 steps, the run now has 6; leave .* as they were",
        "trainer.max_epochs=0": "trainer.max_epochs=0: the run has 1 epochs already",
        f"data.root={tmp_path}/gone": "gone",
        f"data.root={more}": "the run was begun with .*'train': 12.*, now it has .*'train': 14",
    }.items():
        with pytest.raises(CellmarkError, match=reason):
            resume(run, change)
        assert contents(run) == before
    assert read_run(run).state == "finished"


def test_a_stopped_run_that_is_refused_to_go_on_stays_one(run, tmp_path):
    (run / "summary.json").unlink()
    with pytest.raises(CellmarkError):
        resume(run, f"data.root={tmp_path}/gone")
    assert read_run(run).state == "stopped" and read_run(run).error is None
    assert resume(run) == 0
    assert read_run(run).state == "finished" and read_run(run).error is None


def test_a_run_that_has_nothing_left_to_train_is_measured_again(run):
    before = read_run(run)
    assert resume(run) == 0
    assert read_run(run).metrics == before.metrics and len(list(run.glob("summary.until_*"))) == 1


def test_keys_that_are_new_since_the_run_was_begun_get_their_defaults(run):
    saved = OmegaConf.load(run / "config.yaml")
    for key in ("weights", "objective", "ckpt"):
        del saved[key]
    OmegaConf.save(saved, run / "config.yaml")
    config = continued(*ask(run))
    assert config.objective == "val/mse" and config.weights.ckpt is None
