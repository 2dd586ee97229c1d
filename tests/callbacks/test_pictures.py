"""Pictures, curves and checkpoints of one tiny training."""

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace

import cv2
import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.data import DataLoader

from cellmark.callbacks import pictures
from cellmark.callbacks.curves import MetricCurves
from cellmark.callbacks.pictures import PredictionPictures
from cellmark.data.batch import Batch
from cellmark.data.images import read_image
from cellmark.data.sampling import EpochSampler, SharedBatches
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import Peaks
from cellmark.tasks.checkpoint import load_checkpoint


def names(rows):
    return [row.name for row in rows]


def test_sheets_are_drawn_at_the_first_every_third_and_the_last_epoch(run):
    done, drawn = run.done, run.drawn
    expected = [f"epoch-{epoch:04d}-{kind}.png" for epoch in (1, 3, 4) for kind in ("fixed", "worst")]
    assert sorted(path.name for path in (done.folder / "predictions").iterdir()) == expected
    assert [title for title, _ in drawn] == [
        f"Epoch {epoch}: {kind} images" for epoch in (1, 3, 4) for kind in ("fixed", "worst")
    ]
    assert read_image(done.folder / "predictions/epoch-0003-fixed.png").shape[1] == 8 + 4 * 128


def test_fixed_images_stay_and_are_spread_over_the_validation_set(run):
    for _, rows in run.drawn[::2]:
        assert names(rows) == ["fold0/000.png", "fold0/002.png", "fold0/005.png"]


def slow_errors(done, root):
    """MSE of every validation image with the last weights, in float64, from the files alone."""
    model = load_checkpoint(done.folder / "checkpoints/last.ckpt")
    coco = json.loads((root / "fold0/annotations.json").read_text())
    errors = {}
    for image, annotation in zip(coco["images"], coco["annotations"], strict=True):
        pixels = read_image(root / "fold0" / image["file_name"])
        with torch.inference_mode():
            logits = model.network(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)["heatmap"][0]
        truth = np.zeros(logits.shape)
        stride, sigma = model.network.stride, max(0.8, 0.2 * 5.5 / model.network.stride)
        rows, columns = np.mgrid[: truth.shape[1], : truth.shape[2]]
        for x, y, v in np.reshape(annotation["keypoints"], (-1, 3)):
            at_x, at_y = (x + 0.5) / stride - 0.5, (y + 0.5) / stride - 0.5
            blob = np.exp(-((columns - at_x) ** 2 + (rows - at_y) ** 2) / (2 * sigma**2))
            channel = 0 if v == 2 else 1
            truth[channel] = np.maximum(truth[channel], blob)
        heat = 1 / (1 + np.exp(-logits.double().numpy()))
        errors[f"fold0/{image['file_name']}"] = ((heat - truth) ** 2).mean(axis=(1, 2)).sum()
    return errors


def test_the_worst_images_have_the_largest_error(run, plain_root):
    done, drawn = run.done, run.drawn
    errors = slow_errors(done, plain_root)
    title, rows = drawn[-1]
    assert title == "Epoch 4: worst images"
    assert names(rows) == sorted(errors, key=errors.get, reverse=True)[:2]
    for row in rows:
        told = float(row.note.rpartition(" ")[2])
        assert told == pytest.approx(errors[row.name], rel=0.01)


def test_tensorboard_gets_the_same_pictures(run):
    done = run.done
    events = EventAccumulator(str(done.folder / "tensorboard"), {"images": 0})
    events.Reload()
    for kind in ("fixed", "worst"):
        found = events.Images(f"predictions/{kind}")
        assert [event.step for event in found] == [2, 8, 11]  # that of the last batch, as of the scalars of the epoch
        for event, epoch in zip(found, (1, 3, 4), strict=True):
            shown = cv2.imdecode(np.frombuffer(event.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            np.testing.assert_array_equal(shown, read_image(done.folder / f"predictions/epoch-{epoch:04d}-{kind}.png"))


def test_the_best_the_last_and_every_second_epoch_are_kept(run):
    done = run.done
    kept = sorted(path.name for path in (done.folder / "checkpoints").iterdir())
    assert kept == ["best.ckpt", "epoch-0002.ckpt", "epoch-0004.ckpt", "last.ckpt"]
    assert Path(done.trainer.checkpoint_callback.best_model_path).name == "best.ckpt"
    for name, epochs in (("epoch-0002", 2), ("epoch-0004", 4), ("last", 4)):
        content = torch.load(done.folder / f"checkpoints/{name}.ckpt", weights_only=True)
        assert content["epoch"] == epochs - 1
        curve = content["callbacks"]["MetricCurves"]["history"]["val/mse"]
        assert [epoch for epoch, _ in curve] == list(range(1, epochs + 1))  # the epoch itself is in it


def test_curves_hold_what_metrics_csv_holds(run):
    done = run.done
    (curves,) = (callback for callback in done.trainer.callbacks if isinstance(callback, MetricCurves))
    logged = list(csv.DictReader((done.folder / "metrics.csv").read_text().splitlines()))
    for name, column in (("val/mse", "val/mse"), ("train/loss", "train/loss_epoch"), ("train/mse", "train/mse")):
        values = [float(line[column]) for line in logged if line.get(column)][:4]
        assert [epoch for epoch, _ in curves.history[name]] == [1, 2, 3, 4]
        assert [value for _, value in curves.history[name]] == pytest.approx(values, rel=1e-5)
    assert not [key for key in curves.history if key.endswith(("_step", "_epoch"))]
    assert curves.history["lr"] == [[epoch, 1e-3] for epoch in (1, 2, 3, 4)]


def test_curves_are_drawn(run):
    picture = read_image(run.done.folder / "plots/curves.png")
    assert picture.shape[1] == 1600 and picture.shape[0] in (640, 960)
    assert picture.std() > 20


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")  # the other callbacks are left out here
def test_a_resumed_run_has_whole_curves(run, tmp_path):
    done = run.done
    again = MetricCurves()
    trainer = L.Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=2,
        default_root_dir=tmp_path,
        use_distributed_sampler=False,
        callbacks=[again],
    )
    ckpt = done.folder / "checkpoints/epoch-0002.ckpt"
    trainer.fit(done.task, datamodule=done.datamodule, ckpt_path=str(ckpt), weights_only=True)
    for name in ("val/mse", "train/loss", "lr"):
        assert [epoch for epoch, _ in again.history[name]] == [1, 2, 3, 4]
    assert (tmp_path / "plots/curves.png").is_file()


def batch_of(errors, start):
    """A batch of one-pixel pictures, and what a task would tell about it."""
    size = len(errors)
    zeros = torch.zeros(size, 1, 2)
    batch = Batch(
        images=torch.zeros(size, 3, 8, 8),
        points=zeros,
        labels=torch.zeros(size, 1, dtype=torch.int64),
        pitch=torch.ones(size, 1),
        places=torch.zeros(size, 1, 2, dtype=torch.int64),
        grids=[(None,)] * size,
        folders=["f"] * size,
        paths=[Path(f"{start + k}.png") for k in range(size)],
        image_ids=list(range(size)),
    )
    peaks = [Peaks(zeros[0], torch.zeros(1, dtype=torch.int64), torch.ones(1))] * size
    return batch, {"heatmap": torch.full((size, 1, 4, 4), math.nan), "peaks": peaks, "mse": torch.tensor(errors)}


def fake_trainer(total, batch_size, **changes):
    loader = DataLoader([0] * total, batch_sampler=SharedBatches(EpochSampler(total), batch_size))
    state = {
        "state": SimpleNamespace(fn=TrainerFn.FITTING),
        "sanity_checking": False,
        "is_global_zero": True,
        "current_epoch": 0,
        "max_epochs": 9,
        "val_dataloaders": loader,
        "num_val_batches": [len(loader)],
        "loggers": [],
    }
    return SimpleNamespace(**(state | changes))


def show(callback, trainer, errors, batch_size):
    callback.on_validation_epoch_start(trainer, None)
    for number, start in enumerate(range(0, len(errors), batch_size)):
        batch, outputs = batch_of(errors[start : start + batch_size], start)
        callback.on_validation_batch_end(trainer, None, outputs, batch, number)
        assert len(callback._heap) <= callback.worst
    callback.on_validation_epoch_end(trainer, None)


def test_a_nan_is_the_worst_and_few_images_are_kept(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        pictures, "prediction_sheet", lambda rows, *_: drawn.append(names(rows)) or np.zeros((2, 2, 3), np.uint8)
    )
    errors = np.random.default_rng(0).permutation(50).astype(float).tolist()
    errors[17] = math.nan
    trainer = fake_trainer(50, 7, default_root_dir=str(tmp_path))
    show(PredictionPictures(worst=3, fixed=2), trainer, errors, 7)
    ranked = sorted((k for k in range(50) if k != 17), key=lambda k: -errors[k])
    assert drawn == [["f/0.png", "f/49.png"], [f"f/{k}.png" for k in [17, *ranked[:2]]]]


@pytest.mark.parametrize(
    "change",
    [
        {"state": SimpleNamespace(fn=TrainerFn.VALIDATING)},
        {"sanity_checking": True},
        {"is_global_zero": False},
        {"current_epoch": 1},
    ],
)
def test_no_pictures_at_any_other_time(tmp_path, change):
    trainer = fake_trainer(4, 2, default_root_dir=str(tmp_path))
    show(PredictionPictures(), trainer, [0.0] * 4, 2)
    assert len(list(tmp_path.rglob("*.png"))) == 2
    show(PredictionPictures(), fake_trainer(4, 2, default_root_dir=str(tmp_path / "b"), **change), [0.0] * 4, 2)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("wrong", [{"every": 0}, {"fixed": -1}, {"worst": -1}, {"tile": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(CellmarkError, match=next(iter(wrong))):
        PredictionPictures(**wrong)
    with pytest.raises(CellmarkError, match="every"):
        MetricCurves(every=0)
