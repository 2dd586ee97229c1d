import os
import pickle

import pytest
import torch
from omegaconf import OmegaConf

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.losses.mse import MSELoss
from cellmark.models.compact import CompactBackbone
from cellmark.models.network import Network
from cellmark.models.unet import UNetDecoder
from cellmark.tasks.cells import RECIPE, CellTask
from cellmark.tasks.checkpoint import FORMAT, load_checkpoint, make_recipe

MODEL = {
    "_target_": "cellmark.models.network.Network",
    "backbone": {"_target_": "cellmark.models.compact.CompactBackbone", "widths": [8, 8], "blocks": [0, 0]},
    "decoder": {"_target_": "cellmark.models.unet.UNetDecoder", "_partial_": True},
    "heads": {"heatmap": 2},
}
CODEC = {"_target_": "cellmark.heatmaps.codec.GaussianCodec", "sigma": 1.5, "threshold": 0.4}


def tiny(heads=2) -> Network:
    return Network(CompactBackbone((8, 8), (0, 0)), UNetDecoder, {"heatmap": heads})


def content(**changes):
    recipe = make_recipe(
        OmegaConf.create(MODEL),
        OmegaConf.create(CODEC),
        ["black", "white"],
        {0: None, 1: "white", 2: "black"},
        [64, 96],
    )
    weights = {f"network.{key}": value for key, value in tiny().state_dict().items()}
    return {"state_dict": weights, RECIPE: recipe | changes}


def save(path, value):
    torch.save(value, path)
    return path


def test_a_checkpoint_is_all_that_inference_needs(tmp_path):
    saved = content()
    model = load_checkpoint(save(tmp_path / "a.ckpt", saved))
    assert model.codec == GaussianCodec(sigma=1.5, threshold=0.4)
    assert model.classes == ("black", "white") and model.size == (64, 96)
    assert model.visibility().tolist() == [2, 1]
    assert not model.network.training
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, saved["state_dict"][f"network.{key}"])


class Malicious:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_a_pickle_with_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellmarkError, match="loaded safely"):
        load_checkpoint(save(tmp_path / "a.ckpt", {"state_dict": Malicious()}))
    (tmp_path / "b.ckpt").write_bytes(pickle.dumps(Malicious(), protocol=2))
    with pytest.raises(CellmarkError, match="loaded safely"):
        load_checkpoint(tmp_path / "b.ckpt")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "cellmark.tasks.checkpoint.torch.load",
        "cellmark.cli.main.main",
        "builtins.eval",
        "cellmark.nope.X",
    ],
)
def test_a_recipe_with_foreign_code_is_refused(tmp_path, target):
    with pytest.raises(CellmarkError, match=r"a\.ckpt: refuses to build"):
        load_checkpoint(save(tmp_path / "a.ckpt", content(codec={"_target_": target})))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"state_dict": {}}, "not a checkpoint of cellmark"),
        ([1, 2], "not a checkpoint of cellmark"),
        (content(format=FORMAT + 1), f"this version reads format {FORMAT}"),
    ],
)
def test_other_files_are_refused(tmp_path, value, message):
    with pytest.raises(CellmarkError, match=message):
        load_checkpoint(save(tmp_path / "a.ckpt", value))


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(CellmarkError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "a.ckpt")
    path = save(tmp_path / "a.ckpt", content())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CellmarkError, match="loaded safely"):
        load_checkpoint(path)


def test_pretrained_weights_are_not_asked_for_again():
    model = {"backbone": {"name": "resnet18", "pretrained": "required"}}
    recipe = make_recipe(OmegaConf.create(model), OmegaConf.create(CODEC), ["cell"], {1: "cell", 2: "cell"}, [8, 8])
    assert recipe["network"]["backbone"]["pretrained"] is False


def test_incompatible_parts_are_refused_at_construction():
    class NeedsEmbedding(MSELoss):
        needs = ("heatmap", "embedding")

    with pytest.raises(ValueError, match=r"NeedsEmbedding needs the heads .*embedding.* the network has \['heatmap'\]"):
        CellTask(tiny(), GaussianCodec(), ["black", "white"], loss=NeedsEmbedding())
    with pytest.raises(ValueError, match="2 maps for 1 classes"):
        CellTask(tiny(), GaussianCodec(), ["cell"])
