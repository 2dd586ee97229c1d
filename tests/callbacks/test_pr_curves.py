"""Precision-recall curves of a short training, read as TensorBoard reads them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn
from scipy.optimize import linear_sum_assignment
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from cellmark.callbacks.pr_curves import PrecisionRecallCurves
from cellmark.cli.train import Training
from cellmark.data.images import read_image
from cellmark.tasks.checkpoint import load_checkpoint
from tests.callbacks.short import short

POINTS = 41


@pytest.fixture(scope="module")
def trained(tmp_path_factory, plain_root) -> Training:
    """Eight epochs of three steps; curves at epochs 1, 3, 6 and 8. Cells are found, not all of them, and false ones."""
    settings = ["trainer.max_epochs=8", "optimizer.lr=2e-2", "scheduler=one_cycle", "task.codec.threshold=0.2"]
    settings += ["callbacks.pr_curves.every=3", f"callbacks.pr_curves.thresholds={POINTS}"]
    settings += [f"callbacks.{name}=null" for name in ("pictures", "curves", "energy")]
    settings += ["metrics.coco=null", "metrics.pck=null"]
    return short(plain_root, tmp_path_factory.mktemp("curves") / "a", *settings)


def curves(folder):
    """By tag: steps, and of each the rows TP, FP, TN, FN, precision, recall."""
    events = EventAccumulator(str(folder / "tensorboard"), {"tensors": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith("cells")]
    return {tag: [(event.step, make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)] for tag in tags}


def slow_curve(done, root, classes):
    """The last weights on the validation images, from the files alone, matched by the Hungarian method."""
    model = load_checkpoint(done.folder / "checkpoints/last.ckpt")
    coco = json.loads((root / "fold0/annotations.json").read_text())
    counts = np.zeros((3, POINTS))
    for image, annotation in zip(coco["images"], coco["annotations"], strict=True):
        pixels = torch.from_numpy(read_image(root / "fold0" / image["file_name"])).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            heatmap = model.network(pixels)["heatmap"].sigmoid()
        (found,) = model.codec.decode(heatmap, model.network.stride)
        truth = np.reshape(annotation["keypoints"], (-1, 3))
        for column, threshold in enumerate(np.linspace(0, 1, POINTS)):
            for label in classes:
                there = (found.labels == label).numpy() & (found.scores.numpy() >= threshold)
                real = truth[truth[:, 2] == 2 - label, :2]  # v = 2 is black, class 0
                near = np.linalg.norm(found.points.numpy()[there][:, None] - real[None], axis=2) <= 5.5 / 2
                right = near[linear_sum_assignment(~near)].sum()
                counts[:, column] += right, there.sum() - right, len(real) - right
    return counts


def test_curves_are_drawn_with_the_pictures_and_not_after_the_training(trained):
    found = curves(trained.folder)
    assert set(found) == {"cells/all", "cells/black", "cells/white"}  # one folder needs no curve of its own
    for curve in found.values():
        assert [step for step, _ in curve] == [3 * epoch - 1 for epoch in (1, 3, 6, 8)]


@pytest.mark.parametrize(("tag", "classes"), [("cells/all", (0, 1)), ("cells/black", (0,)), ("cells/white", (1,))])
def test_the_last_curve_is_that_of_the_last_weights(trained, plain_root, tag, classes):
    right, wrong, missed = slow_curve(trained, plain_root, classes)
    assert min(right[0], wrong[0], missed[0]) > 0 and len(set(right)) > 5
    rows = curves(trained.folder)[tag][-1][1]
    np.testing.assert_array_equal(rows[[0, 1, 3]], [right, wrong, missed])
    assert not rows[2].any()
    seen = right + wrong > 0
    np.testing.assert_allclose(rows[4][seen], (right / (right + wrong).clip(1))[seen], rtol=1e-6)
    np.testing.assert_allclose(rows[5], right / (right + missed), rtol=1e-6)


def test_the_curve_ends_where_the_metrics_are_measured(trained):
    """At the threshold of the codec a point of the curve is precision and recall as logged."""
    events = EventAccumulator(str(trained.folder / "tensorboard"))
    events.Reload()
    rows = curves(trained.folder)["cells/all"][-1][1]
    for row, name in ((4, "val/cell_precision_50"), (5, "val/cell_recall_50")):
        logged = events.Scalars(name)[-1]
        assert logged.step == 23 and rows[row, 0] == rows[row, 8] == pytest.approx(logged.value, rel=1e-6)
    assert 0.15 < rows[5, 0] < 1


class Board(SimpleNamespace):
    """What the callback asks of a trainer."""

    def __init__(self, epoch, loggers, fn=TrainerFn.FITTING, sanity=False):
        super().__init__(current_epoch=epoch, loggers=loggers, max_epochs=8, sanity_checking=sanity)
        self.state = SimpleNamespace(fn=fn)


def test_nothing_is_counted_where_nothing_is_drawn(trained):
    boards, callback = trained.trainer.loggers, PrecisionRecallCurves(every=5)
    due = [epoch + 1 for epoch in range(8) if callback._due(Board(epoch, boards))]
    assert due == [1, 5, 8]
    assert not callback._due(Board(0, []))
    assert not callback._due(Board(0, boards, sanity=True))
    assert not callback._due(Board(0, boards, fn=TrainerFn.VALIDATING))


@pytest.mark.parametrize("wrong", [{"every": 0}, {"thresholds": 128}, {"thresholds": 1}, {"reach": 0.6}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="pr_curves"):
        PrecisionRecallCurves(**wrong)
