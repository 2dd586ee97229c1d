"""The verbs one after another, as a person would run them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO

from cellmark.cli.evaluate import evaluate
from cellmark.cli.job import run_verb
from cellmark.cli.train import Training, train
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from tests.cli.test_main import composed

FAST = ["data.size=[64,64]", "data.num_workers=0", "backbone.widths=[16,32,48]", "backbone.blocks=[0,1,1]"]
FAST += [
    "optimizer.lr=5e-3",
    "scheduler=one_cycle",
    "augment=none",
    "callbacks.progress=null",
    "callbacks.pictures=null",
    "callbacks.curves=null",
    "trainer.log_every_n_steps=1",
]


def training(root: Path, folder: Path, *overrides: str) -> Training:
    settings = [f"data.root={root}", "data.val_folder=fold0", f"output_dir={folder}", *FAST, *overrides]
    return train(composed("train", *settings))


@pytest.fixture(scope="module")
def run(tmp_path_factory, plain_root) -> Training:
    """A short training on plain codes."""
    return training(plain_root, tmp_path_factory.mktemp("run") / "a", "trainer.max_epochs=25", "data.batch_size=4")


def test_training_learns_and_leaves_a_run_folder(run):
    assert run.metrics["val/cell_f1_50"] > 0.9
    for name in (
        "config.yaml",
        "metrics.csv",
        "summary.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    ):
        assert (run.folder / name).is_file(), name
    assert list((run.folder / "tensorboard").iterdir())
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["metrics"]["val/mse"] == pytest.approx(run.metrics["val/mse"])
    assert summary["counts"]["images"] == {"train": 12, "val": 6, "test": 0}
    assert {"train/loss", "val/cell_f1_25", "val/cell_recall_50", "val/loc_error_pitch"} <= set(summary["metrics"])


def test_the_best_checkpoint_has_the_lowest_validation_mse(run):
    lines = [line.split(",") for line in (run.folder / "metrics.csv").read_text().splitlines()]
    column = lines[0].index("val/mse")
    values = [float(line[column]) for line in lines[1:] if line[column]]
    assert run.metrics["val/mse"] == pytest.approx(min(values), rel=1e-5)


def test_evaluation_gives_the_number_of_training(run, plain_root):
    data = composed("evaluate", f"data.root={plain_root}", "data.test_folder=fold0", "ckpt=x", "data.num_workers=0")
    metrics, _, _ = evaluate(str(run.folder / "checkpoints/best.ckpt"), data.data, data.trainer, data.metrics)
    for name in ("mse", "cell_f1_50", "cell_f1_25", "loc_error_px"):
        assert metrics[f"test/{name}"] == pytest.approx(run.metrics[f"val/{name}"], rel=1e-4)


def test_evaluate_writes_metrics_by_folder_and_a_sheet(run, plain_root, tmp_path):
    settings = [
        f"ckpt={run.folder}/checkpoints/best.ckpt",
        f"data.root={plain_root}",
        f"output_dir={tmp_path}/e",
    ]
    run_verb("evaluate", composed("evaluate", *settings, "data.num_workers=0", "pictures=2"))
    summary = json.loads((tmp_path / "e/summary.json").read_text())
    assert {"test/cell_f1_50/fold0", "test/cell_f1_50/fold2", "test/cell_f1_50/white"} <= set(summary["metrics"])
    assert read_image(tmp_path / "e/predictions.png").shape[1] > 4 * 384


def test_predict_keeps_the_pixels_of_the_original(run, plain_root, tmp_path):
    """The same picture at twice the size, with a broad margin, and as a grey one: same cells, in its own pixels."""
    pictures = tmp_path / "in"
    image = read_image(plain_root / "fold0/000.png")
    double = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    write_image(pictures / "a.png", image)
    write_image(pictures / "b.png", double)
    write_image(pictures / "deeper/c.png", double[:, :, 0].copy())
    (pictures / "d.png").write_bytes((pictures / "b.png").read_bytes()[:300])
    (pictures / "notes.txt").write_text("not a picture")
    settings = [f"input={pictures}", f"ckpt={run.folder}/checkpoints/best.ckpt", f"output_dir={tmp_path}/out"]
    assert run_verb("predict", composed("predict", *settings, "scales=[1]")) == 1
    results = {r["file_name"]: r for r in json.loads((tmp_path / "out/predictions.json").read_text())}
    assert set(results) == {"a.png", "b.png", "deeper/c.png"}
    own, twice, grey = (np.reshape(results[n]["keypoints"], (-1, 3)) for n in ("a.png", "b.png", "deeper/c.png"))
    truth = COCO(str(plain_root / "fold0/annotations.json")).loadAnns([1])[0]
    expected = np.reshape(truth["keypoints"], (-1, 3))
    distance = np.linalg.norm(expected[:, None, :2] - own[None, :, :2], axis=2)
    right = (distance.min(axis=1) < 2.0) & (own[distance.argmin(axis=1), 2] == expected[:, 2])
    assert right.mean() > 0.85
    np.testing.assert_allclose(twice[:, :2], (own[:, :2] + 0.5) * 2 - 0.5, atol=0.01)
    np.testing.assert_allclose(grey, twice, atol=0.01)
    assert results["a.png"]["category_id"] == 1 and len(results["a.png"]["keypoint_scores"]) == len(own)
    for kind in ("overlays", "heatmaps"):
        assert sorted(
            p.relative_to(tmp_path / "out" / kind).as_posix() for p in (tmp_path / "out" / kind).rglob("*.png")
        ) == [
            "a.png.png",
            "b.png.png",
            "deeper/c.png.png",
        ]


def test_small_codes_in_large_pictures_are_found_at_a_larger_scale(run, plain_root, tmp_path):
    picture = np.full((128, 128, 3), 150, np.uint8)
    picture[40:104, 30:94] = read_image(plain_root / "fold0/000.png")
    write_image(tmp_path / "a.png", picture)
    settings = [f"input={tmp_path}/a.png", f"ckpt={run.folder}/checkpoints/best.ckpt", f"output_dir={tmp_path}/out"]
    assert run_verb("predict", composed("predict", *settings, "scales=[0.5,1,2]")) == 0
    (result,) = json.loads((tmp_path / "out/predictions.json").read_text())
    found = np.reshape(result["keypoints"], (-1, 3))
    expected = np.reshape(COCO(str(plain_root / "fold0/annotations.json")).loadAnns([1])[0]["keypoints"], (-1, 3))
    distance = np.linalg.norm(expected[:, None, :2] + [30, 40] - found[None, :, :2], axis=2)
    assert ((distance.min(axis=1) < 2.0) & (found[distance.argmin(axis=1), 2] == expected[:, 2])).mean() > 0.85
    with pytest.raises(CellmarkError, match="32 pixels or more"):
        run_verb("predict", composed("predict", *settings[:2], f"output_dir={tmp_path}/b", "scales=[0]"))


def test_predictions_are_coco_results(run, plain_root, tmp_path):
    settings = [
        f"input={plain_root}/fold0",
        f"ckpt={run.folder}/checkpoints/best.ckpt",
        f"output_dir={tmp_path}/out",
    ]
    assert run_verb("predict", composed("predict", *settings, "overlays=false", "heatmaps=false")) == 0
    results = json.loads((tmp_path / "out/predictions.json").read_text())
    loaded = COCO(str(plain_root / "fold0/annotations.json")).loadRes(results)
    assert len(loaded.getAnnIds()) == len(results) >= 6
    assert not (tmp_path / "out/overlays").exists()


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (1, 1), (3, 2000)])
def test_any_size_and_aspect(run, tmp_path, shape):
    write_image(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8))
    settings = [
        f"input={tmp_path}/a.png",
        f"ckpt={run.folder}/checkpoints/best.ckpt",
        f"output_dir={tmp_path}/out",
    ]
    assert run_verb("predict", composed("predict", *settings)) == 0
    assert read_image(tmp_path / "out/heatmaps/a.png.png").size >= np.prod(shape) * 3


def test_nothing_is_overwritten(run, plain_root, tmp_path):
    with pytest.raises(CellmarkError, match="already holds a run"):
        training(plain_root, run.folder)
    settings = ["input=x", f"ckpt={run.folder}/checkpoints/best.ckpt", f"output_dir={tmp_path}"]
    (tmp_path / "predictions.json").write_text("[]")
    with pytest.raises(CellmarkError, match="already holds predictions"):
        run_verb("predict", composed("predict", *settings))


def test_earlier_pictures_and_hidden_files_are_not_predicted(run, plain_root, tmp_path):
    pictures = tmp_path / "2024"
    for name in ("a.png", ".hidden.png", ".trash/b.png"):
        write_image(pictures / name, read_image(plain_root / "fold0/000.png"))
    for output in ("one", ".", "two"):  # also beside the pictures themselves
        settings = [f"input={pictures}", f"ckpt={run.folder}/checkpoints/best.ckpt", f"output_dir={pictures}/{output}"]
        assert run_verb("predict", composed("predict", *settings, "scales=[1]")) == 0
        results = json.loads((pictures / output / "predictions.json").read_text())
        assert {result["file_name"] for result in results} == {"a.png"}


@pytest.mark.parametrize("wrong", ["device=abacus", "batch_size=0", "threshold=2", "scales=[]"])
def test_impossible_settings_are_named(run, plain_root, tmp_path, wrong):
    settings = [f"input={plain_root}/fold0", f"ckpt={run.folder}/checkpoints/best.ckpt", f"output_dir={tmp_path}/out"]
    with pytest.raises(CellmarkError, match=wrong.partition("=")[0]):
        run_verb("predict", composed("predict", *settings, wrong))


def test_cells_too_close_for_the_maps_are_warned_of(plain_root, tmp_path, caplog):
    training(plain_root, tmp_path / "a", "trainer.max_epochs=1", "data.size=[32,32]")
    assert "too close for maps at stride 2" in caplog.text


def test_nothing_to_predict(run, tmp_path):
    for source, reason in (("nowhere", "no such file"), (tmp_path, "no image in it")):
        settings = [
            f"input={source}",
            f"ckpt={run.folder}/checkpoints/best.ckpt",
            f"output_dir={tmp_path}/out",
        ]
        with pytest.raises(CellmarkError, match=reason):
            run_verb("predict", composed("predict", *settings))


def test_same_seed_same_training(plain_root, tmp_path):
    first, again, other = (
        training(
            plain_root,
            tmp_path / name,
            "trainer.max_epochs=1",
            "augment=basic",
            f"data.num_workers={n}",
            f"seed={seed}",
        )
        for name, n, seed in (("a", 0, 5), ("b", 2, 5), ("c", 0, 6))
    )
    assert first.metrics == pytest.approx(again.metrics, rel=0, abs=0, nan_ok=True)
    assert first.metrics["train/loss"] != other.metrics["train/loss"]
    for key, value in first.task.network.state_dict().items():
        assert torch.equal(value, again.task.network.state_dict()[key])


def test_the_plateau_counts_validations_and_best_is_what_was_validated(plain_root, tmp_path):
    """Validation every fourth batch, at three batches an epoch: some epochs have none."""
    settings = ["scheduler=plateau", "trainer.max_epochs=5", "data.batch_size=4", "trainer.val_check_interval=4"]
    done = training(plain_root, tmp_path / "a", *settings, "trainer.check_val_every_n_epoch=null")
    lines = [line.split(",") for line in (done.folder / "metrics.csv").read_text().splitlines()]
    column = lines[0].index("val/mse")
    values = [float(line[column]) for line in lines[1:] if line[column]]
    assert len(values) == 4  # after 4, 8 and 12 batches, and the best weights once more
    assert done.metrics["val/mse"] == pytest.approx(min(values[:3]), rel=1e-5)
    scheduler = done.trainer.lr_scheduler_configs[0].scheduler
    assert scheduler.last_epoch == 3


def test_a_test_folder_is_measured_at_the_end(plain_root, tmp_path):
    done = training(plain_root, tmp_path / "a", "trainer.max_epochs=1", "data.test_folder=fold2")
    assert {"val/mse", "test/mse"} <= set(done.metrics)
    assert done.datamodule.counts() == {"train": 6, "val": 6, "test": 6}


def test_unified_mode(plain_root, tmp_path):
    """One key, through training, evaluation and prediction."""
    done = training(plain_root, tmp_path / "a", "trainer.max_epochs=2", "mode=unified")
    assert done.task.network.heads["heatmap"].out_channels == 1
    settings = [f"ckpt={done.folder}/checkpoints/best.ckpt", f"data.root={plain_root}", f"output_dir={tmp_path}/e"]
    run_verb("evaluate", composed("evaluate", *settings, "data.num_workers=0", "pictures=1"))
    summary = json.loads((tmp_path / "e/summary.json").read_text())
    assert "test/cell_f1_50" in summary["metrics"] and "test/cell_f1_50/black" not in summary["metrics"]
    settings = [
        f"input={plain_root}/fold0",
        f"ckpt={done.folder}/checkpoints/best.ckpt",
        f"output_dir={tmp_path}/p",
    ]
    assert run_verb("predict", composed("predict", *settings, "threshold=0.05")) == 0
    results = json.loads((tmp_path / "p/predictions.json").read_text())
    assert {v for result in results for v in result["keypoints"][2::3]} <= {1}


def test_training_refuses_broken_data(plain_root, tmp_path):
    root = shutil.copytree(plain_root, tmp_path / "root")
    (root / "fold1/annotations.json").write_text("{")
    with pytest.raises(CellmarkError, match=r"fold1/annotations\.json"):
        training(root, tmp_path / "run")
    assert not (tmp_path / "run").exists()
