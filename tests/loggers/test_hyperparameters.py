import math

import pytest

from cellmark.loggers.hyperparameters import hyperparameters

CONFIG = {
    "name": "demo",
    "seed": 3,
    "output_dir": "/somewhere/runs",
    "ckpt": "/somewhere/last.ckpt",
    "data": {"root": "/somewhere/data", "size": [64, 64], "val_folder": "fold0", "num_workers": 4},
    "loss": {"_target_": "a.WeightedSum", "weights": {"mse": 1.0, "focal": 0.5}},
    "optimizer": {"lr": 0.003, "amsgrad": False, "eps": math.inf},
    "trainer": {"max_time": None, "gradient_clip_val": 1.0},
    "logger": {"csv": {"folder": "/somewhere"}},
    "callbacks": {"pictures": {"every": 5}},
}
CHOICES = {"loss": "mse_focal", "experiment": None, "logger": "default", "callbacks": "default", "paths": "run"}
CHOICES |= {"metrics": "default", "sweep": "report", "launcher": None, "hydra/launcher": "basic", "hydra/output": None}
ALWAYS = {"loss": "mse_focal", "experiment": "null", "seed": 3, "data.size": "[64, 64]", "data.val_folder": "fold0"}
ALWAYS |= {"optimizer.lr": 0.003}


def test_choices_and_overrides_make_the_columns():
    overrides = ["loss=mse_focal", "optimizer.amsgrad=false", "++seed=3", "data.size=[64,64]", "+trainer.max_time=null"]
    found = hyperparameters(CONFIG, CHOICES, overrides)
    assert found == ALWAYS | {"optimizer.amsgrad": False, "trainer.max_time": "null"}
    assert type(found["seed"]) is int and type(found["optimizer.lr"]) is float


@pytest.mark.parametrize(
    "override",
    [
        "output_dir=/somewhere/runs",
        "ckpt=/somewhere/last.ckpt",
        "data.root=/somewhere/data",
        "data.num_workers=4",
        "callbacks.pictures.every=5",
        "callbacks=early_stopping",
        "logger.csv=null",
        "hydra.verbose=true",
        "hydra/launcher=local",
        "~trainer.precision",
        "~trainer.max_time.days",
    ],
)
def test_what_changes_no_result_is_no_column(override):
    assert hyperparameters(CONFIG, CHOICES, [override]) == ALWAYS


def test_an_override_of_a_whole_node_gives_its_values():
    found = hyperparameters(CONFIG, CHOICES, ["loss.weights={mse:1.0,focal:0.5}"])
    assert found == ALWAYS | {"loss.weights.mse": 1.0, "loss.weights.focal": 0.5}


def test_without_hydra_every_value_of_the_config_counts():
    assert hyperparameters(CONFIG, {}, []) == {
        "name": "demo",
        "seed": 3,
        "data.size": "[64, 64]",
        "data.val_folder": "fold0",
        "loss._target_": "a.WeightedSum",
        "loss.weights.mse": 1.0,
        "loss.weights.focal": 0.5,
        "optimizer.lr": 0.003,
        "optimizer.amsgrad": False,
        "optimizer.eps": "inf",
        "trainer.max_time": "null",
        "trainer.gradient_clip_val": 1.0,
    }
