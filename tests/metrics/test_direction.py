import pytest

from cellmark.metrics.direction import lower_is_better


@pytest.mark.parametrize(
    "name",
    ["mse", "val/mse", "val/mse/fold1", "train/loss", "train/loss_step", "val/loss_focal", "test/loc_error_px", "loss"],
)
def test_errors_and_losses_are_better_when_small(name):
    assert lower_is_better(name)


@pytest.mark.parametrize(
    "name",
    ["val/cell_f1_50", "ap", "val/pck/white", "test/coco_ap_50", "val/cell_recall_25", "val/ap/mse", "val", "x/mse"],
)
def test_everything_else_is_better_when_large(name):
    assert not lower_is_better(name)
