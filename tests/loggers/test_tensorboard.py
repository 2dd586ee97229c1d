import csv
import math

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PageAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.util.tensor_util import make_ndarray

from cellmark.loggers.tensorboard import HEADLINE, ReviewLogger, final_tag_of, tag_of
from tests.callbacks.short import short
from tests.loggers.table import Table

CLASSES = ["black", "white"]
TAGS = {
    "train/loss_step": "loss/total/train_step",
    "train/loss_epoch": "loss/total/train",
    "val/loss": "loss/total/val",
    "train/loss_focal": "loss/focal/train",
    "val/loss_focal": "loss/focal/val",
    "train/mse": "train/mse",
    "val/mse": "val/mse",
    "val/mse/white": "val_by_class/mse/white",
    "val/cell_f1_50/5_foil": "val_by_folder/cell_f1_50/5_foil",
    "test/ap/black": "test_by_class/ap/black",
    "lr-AdamW": "train/lr-AdamW",
    "lr-AdamW/pg1": "train/lr-AdamW/pg1",
    "epoch": "train/epoch",
}
METRICS = {"train/loss": 0.7, "val/loss": 0.8, "val/mse/white": 0.02, "test/mse": 0.3, "val/pck": math.nan}
METRICS |= {f"val/{name}": 0.1 * k for k, name in enumerate(HEADLINE)} | {"val/cell_precision_50": 0.9}


@pytest.mark.parametrize("name", TAGS)
def test_metrics_land_in_the_section_of_their_kind(name):
    assert tag_of(name, CLASSES) == TAGS[name]


def test_no_two_metrics_share_a_tag_and_the_headline_comes_first():
    tags = [final_tag_of(name, CLASSES, HEADLINE) for name in METRICS] + list(TAGS.values())
    assert len(set(tags)) == len(tags)
    assert sorted(tags)[:5] == sorted(f"best/val/{name}" for name in HEADLINE)


def read(folder):
    events = EventAccumulator(str(folder / "tensorboard"), {"images": 0, "scalars": 0, "tensors": 0})
    events.Reload()
    return events


def series(events, tag):
    return [(event.step, pytest.approx(event.value)) for event in events.Scalars(tag)]


def config_of(folder, **values):
    return OmegaConf.create({"output_dir": str(folder), "run": "${output_dir}/x", "seed": 1, **values})


def composed_by_hydra(folder, choices, *overrides):
    """The part of Hydra's file that is read."""
    (folder / ".hydra").mkdir(parents=True)
    content = {"hydra": {"runtime": {"choices": choices}, "overrides": {"task": list(overrides)}}}
    (folder / ".hydra/hydra.yaml").write_text(yaml.safe_dump(content))


def started(folder, purge_step=None, **values):
    logger = ReviewLogger(str(folder), CLASSES, purge_step=purge_step)
    logger.log_config(config_of(folder, **values))
    return logger


def test_the_config_is_readable_as_text(tmp_path):
    started(tmp_path, optimizer={"lr": 1e-3})
    (event,) = read(tmp_path).Tensors("config/text_summary")
    text = make_ndarray(event.tensor_proto).item().decode()
    assert text.startswith("```yaml\n") and text.endswith("\n```")
    folder = str(tmp_path)
    expected = {"output_dir": folder, "run": f"{folder}/x", "seed": 1, "optimizer": {"lr": 1e-3}}
    assert yaml.safe_load(text.removeprefix("```yaml\n").removesuffix("```")) == expected


def test_an_unfinished_run_is_on_disk_after_every_step(tmp_path):
    logger = started(tmp_path)
    for step in range(3):
        logger.log_metrics({"val/mse": step / 10, "epoch": 0}, step)
        logger.save()  # as Lightning does
        assert series(read(tmp_path), "val/mse") == [(k, k / 10) for k in range(step + 1)]
    assert list(Table(tmp_path).rows) == ["tensorboard"]


def log_steps(logger, steps, value):
    for step in steps:
        logger.log_metrics({"train/loss_step": value, "epoch": step // 4}, step)
        if step % 4 == 3:
            logger.log_metrics({"val/mse": value, "epoch": step // 4}, step)
            logger.log_metrics({"train/loss_epoch": value, "epoch": step // 4}, step)
            logger.experiment.add_image("predictions/fixed", np.zeros((4, 4, 3), np.uint8), step, dataformats="HWC")
            logger.experiment.add_pr_curve_raw("cells/all", *np.ones((6, 9)), global_step=step, num_thresholds=9)
    logger.save()


@pytest.mark.parametrize("resumes", [1, 2])
def test_a_resumed_run_shows_every_step_once(tmp_path, resumes, monkeypatch):
    """Killed in step 13, resumed from the checkpoint after step 7, and perhaps once more from the same one."""
    # Files of one second are read in the order of these numbers, as text: 10 before 9. New processes begin with 0.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    log_steps(started(tmp_path, max_epochs=3), range(14), 1.0)
    if resumes == 2:
        log_steps(started(tmp_path, purge_step=8, max_epochs=4), range(8, 10), 2.0)
    last = started(tmp_path, purge_step=8, max_epochs=4)
    log_steps(last, range(8, 16), 3.0)
    last.finalize("success")
    last.log_final({"val/mse": 0.5}, 16)
    events = read(tmp_path)
    assert series(events, "loss/total/train_step") == [(k, 1.0 if k < 8 else 3.0) for k in range(16)]
    assert series(events, "val/mse") == [(3, 1.0), (7, 1.0), (11, 3.0), (15, 3.0)]
    assert series(events, "train/epoch") == [(k, k // 4) for k in range(16)]
    assert series(events, "best/val/mse") == [(16, 0.5)]
    shown = PageAccumulator(str(tmp_path / "tensorboard"), {"tensors": 0})  # what the pages are made from
    shown.Reload()
    steps = {tag: [event.step for event in shown.Tensors(tag)] for tag in shown.Tags()["tensors"]}
    assert steps["val/mse"] == steps["predictions/fixed"] == steps["cells/all"] == [3, 7, 11, 15]
    assert steps["config/text_summary"] == [0, 8]
    assert Table(tmp_path).rows["tensorboard"][0] == "SUCCESS"


def sweep(folder):
    """Three jobs: one finished, one failed in its first epoch, one was killed before that."""
    for job, (loss, rate) in enumerate([("mse", 0.001), ("mse_focal", 0.001), ("mse", 0.01)]):
        choices = {"loss": loss, "decoder": "unet", "experiment": None, "hydra/launcher": "basic", "logger": "default"}
        arguments = [f"loss={loss}", f"optimizer.lr={rate}", f"output_dir={folder}", "+trainer.max_time=null"]
        composed_by_hydra(folder / str(job), choices, *arguments)
        logger = started(folder / str(job), optimizer={"lr": rate}, trainer={"max_time": None})
        if job < 2:
            log_steps(logger, range(4), 0.6)
            logger.finalize("failed" if job else "success")
        if job == 0:
            logger.log_metrics({"val/mse": 0.25, "epoch": 1}, 4)  # the best weights, measured once more
            logger.log_final(METRICS, 4)


def test_a_sweep_is_one_table(tmp_path):
    sweep(tmp_path)
    table = Table(tmp_path)
    assert list(table.columns.items()) == [
        ("loss", True),
        ("optimizer.lr", True),
        ("decoder", False),
        ("experiment", False),
        ("seed", False),
        ("trainer.max_time", False),
    ]
    assert table.measures[:5] == sorted(f"best/val/{name}" for name in HEADLINE)
    assert list(table.rows) == ["0/tensorboard", "1/tensorboard", "2/tensorboard"]
    same = {"decoder": "unet", "experiment": "null", "trainer.max_time": "null", "seed": 1}
    states, cells, metrics = zip(*table.rows.values(), strict=True)
    assert states == ("SUCCESS", "UNKNOWN", "UNKNOWN")
    assert cells == (
        same | {"loss": "mse", "optimizer.lr": 0.001},
        same | {"loss": "mse_focal", "optimizer.lr": 0.001},
        same | {"loss": "mse", "optimizer.lr": 0.01},
    )
    expected = {final_tag_of(k, CLASSES, HEADLINE): v for k, v in METRICS.items() if not math.isnan(v)}
    found = {tag: value for tag, value in metrics[0].items() if tag.startswith(("best", "summary"))}
    assert found == pytest.approx(expected, rel=1e-6)
    assert not any(tag.startswith(("best", "summary")) for row in metrics[1:] for tag in row)


def test_what_is_measured_after_the_fit_is_no_step_of_it(tmp_path):
    sweep(tmp_path)
    assert series(read(tmp_path / "0"), "val/mse") == [(3, 0.6)]


def test_a_training_writes_what_metrics_csv_holds(plain_root, tmp_path):
    done = short(plain_root, tmp_path / "a", "trainer.max_epochs=2", "loss=mse_focal")
    events = read(done.folder)
    rows = list(csv.DictReader((done.folder / "metrics.csv").read_text().splitlines()))
    for name in ("train/loss_step", "train/loss_epoch", "val/mse", "val/ap/white", "val/loss_focal", "train/loss_mse"):
        logged = [(int(row["step"]), pytest.approx(float(row[name]))) for row in rows if row.get(name)]
        fitted = [(step, value) for step, value in logged if step < done.trainer.global_step]  # later: the best weights
        assert fitted == [(event.step, event.value) for event in events.Scalars(tag_of(name, CLASSES))]
    for tag in events.Tags()["scalars"]:
        steps = [event.step for event in events.Scalars(tag)]
        assert steps == sorted(set(steps)), tag
