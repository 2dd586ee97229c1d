"""What the training for a second look minimises, against a slow version, and that it learns."""

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from cellmark.models.classifier import CellClassifier, Cells
from cellmark.tasks.classifier import EXCHANGED, ClassifierTask, measure


def scene(seed, exchanged=False):
    rng = np.random.default_rng(seed)
    black, shift = rng.normal(0, 2, (3, 4, 5)), rng.normal(0, 0.3, (3, 2, 4, 5))
    doubt, inside = rng.normal(-1, 0.5, (3, 4, 5)), rng.normal(0, 2, (3, 4, 5))
    labels = rng.integers(-1, 2, (3, 4, 5)).astype(float)
    true = rng.normal(0, 0.3, (3, 2, 4, 5))
    true[:, 0][rng.random((3, 4, 5)) < 0.2] = 1.1  # too far for the class to be that of the cell
    if exchanged:
        black = np.where(labels == 1, -5.0, 5.0)
    return (black, shift, doubt, inside), labels, true


def slow(cells, labels, true):
    """One cell after another, float64."""
    black, shift, doubt, inside = cells
    sums = {name: [] for name in ("classes", "wrong", "shift", "off")}
    presence = []
    for b in range(len(labels)):
        rows = {name: [] for name in ("own", "other", "wrong", "shift", "off")}
        for r, c in np.ndindex(labels.shape[1:]):
            p = 1 / (1 + np.exp(-inside[b, r, c]))
            presence.append(-np.log(p if labels[b, r, c] >= 0 else 1 - p))
            if labels[b, r, c] < 0:
                continue
            error = np.abs(shift[b, :, r, c] - true[b, :, r, c])
            rows["shift"].append((error / np.exp(doubt[b, r, c]) + doubt[b, r, c]).sum())
            if np.hypot(*true[b, :, r, c]) >= 0.6:
                continue
            p, is_black = 1 / (1 + np.exp(-black[b, r, c])), labels[b, r, c] == 1
            rows["own"].append(-np.log(p if is_black else 1 - p))
            rows["other"].append(-np.log(1 - p if is_black else p))
            rows["wrong"].append((p > 0.5) != is_black)
            rows["off"].append(np.hypot(*error))
        means = {name: np.mean(values) for name, values in rows.items()}
        sums["classes"].append(min(means["own"], means["other"] + EXCHANGED))
        sums["wrong"].append(min(means["wrong"], 1 - means["wrong"]))
        sums["shift"].append(means["shift"])
        sums["off"].append(means["off"])
    return {name: np.mean(values) for name, values in sums.items()} | {"inside": np.mean(presence)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("exchanged", [False, True])
def test_measures_agree_with_a_slow_version(seed, exchanged):
    cells, labels, true = scene(seed, exchanged)
    found = measure(Cells(*map(torch.from_numpy, cells)), torch.from_numpy(labels), torch.from_numpy(true))
    assert {name: float(value) for name, value in found.items()} == pytest.approx(slow(cells, labels, true))
    if exchanged:
        assert float(found["wrong"]) == 0 and float(found["classes"]) == pytest.approx(EXCHANGED, abs=0.01)


def test_a_picture_without_cells_counts_nothing():
    cells, labels, true = scene(0)
    found = measure(Cells(*map(torch.from_numpy, cells)), torch.full(labels.shape, -1.0), torch.from_numpy(true))
    assert all(float(found[name]) == 0 for name in ("classes", "wrong", "shift", "off"))


def test_it_learns_dark_and_light(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((32, 6, 6)) < 0.5).astype(np.float32)
    pictures = np.where(labels == 1, 40, 200).repeat(8, 1).repeat(8, 2)[:, None].repeat(3, 1).astype(np.uint8)
    data = list(zip(pictures, labels, np.zeros((32, 2, 6, 6), np.float32), strict=True))
    torch.manual_seed(0)
    task = ClassifierTask(CellClassifier((6, 8, 10), (1,)), rate=2e-2)
    trainer = L.Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    loader = DataLoader(data, batch_size=8)
    trainer.fit(task, loader, loader)
    assert trainer.callback_metrics["val/wrong"] < 0.02 and trainer.callback_metrics["val/off"] < 0.1
