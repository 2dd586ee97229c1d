"""Keys that make a training faster on some machines, and leave what it learns as it is."""

import shutil

import pytest
import torch

from cellmark.runs.record import read_run
from tests.integration.commands import run
from tests.verbs import training

SAME = ["decoder.dropout=0", "trainer.max_epochs=2", "callbacks.energy=null"]


@pytest.fixture(scope="module")
def plain(plain_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "plain"
    assert run(*training(plain_root, folder, *SAME)) == 0
    return read_run(folder).metrics


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "tolerance"),
    [
        ("precision=bf16-mixed", 0.01),  # 8 bits of each number
        pytest.param(
            "compile=true",
            1e-3,
            marks=pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
        ),
        ("channels_last=false", 1e-3),
    ],
)
def test_a_training_with_it_learns_the_same(key, tolerance, plain, plain_root, tmp_path):
    assert run(*training(plain_root, tmp_path / "run", *SAME, key)) == 0
    found = read_run(tmp_path / "run").metrics
    for name in ("train/loss", "val/loss", "val/mse"):
        assert found[name] == pytest.approx(plain[name], rel=tolerance)
    weights = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert all(name.startswith("network.") and "_orig_mod" not in name for name in weights)
    assert all(value.dtype == torch.float32 for value in weights.values() if value.is_floating_point())
