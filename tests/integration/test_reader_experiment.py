"""``experiment=reader`` from its config to a reader, with a network that is far too small."""

import numpy as np

from cellmark.reading.reader import NOTHING, UNREAD, Reader
from cellmark.tasks.checkpoint import load_checkpoint
from tests.cli.test_main import composed
from tests.integration.commands import run

SMALL = ["data.size=[64,64]", "data.batch_size=4", "data.num_workers=0", "backbone.widths=[8,16]"]
SMALL += ["backbone.blocks=[0,1]", "data.mosaic={2: 0.5}", "trainer.max_epochs=1", "trainer.log_every_n_steps=1"]
SMALL += ["trainer.limit_val_batches=1", "logger.tensorboard=null"]
SMALL += ["metrics.coco=null", "metrics.pck=null"]
SMALL += [f"callbacks.{name}=null" for name in ("progress", "pictures", "curves", "pr_curves", "energy")]


def test_what_the_experiment_says():
    config = composed("train", "experiment=reader", "data.root=x")
    assert dict(config.model.heads) == {"heatmap": 2, "scale": 2}
    assert set(config.loss.losses) == set(config.loss.weights) == {"heatmap", "scale"}
    assert dict(config.data.mosaic) == {2: 0.15, 4: 0.03} and config.task.codec.min_pitch == 4.0


def test_a_training_gives_what_a_reader_takes(plain_root, tmp_path):
    folder = tmp_path / "run"
    data = [f"data.root={plain_root}", "data.val_folder=fold0", f"output_dir={folder}"]
    assert run("train", "experiment=reader", *data, *SMALL) == 0
    logged = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
    for name in ("presence", "pitch", "penalty_reduced_focal"):
        assert {f"train/loss_{name}", f"val/loss_{name}"} <= set(logged)
    model = load_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert model.codec.min_pitch == 4.0 and set(model.network.heads) == {"heatmap", "scale"}
    reader = Reader(model, "cpu", "network")
    assert reader.read(np.full((64, 64, 3), 128, np.uint8)) == [] and reader.reason in (NOTHING, UNREAD)
