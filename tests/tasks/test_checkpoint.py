import os
import pickle
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.losses.mse import MSELoss
from cellmark.models.compact import CompactBackbone
from cellmark.models.network import Network
from cellmark.models.unet import UNetDecoder
from cellmark.runs.record import read_run
from cellmark.tasks.cells import RECIPE, CellTask
from cellmark.tasks.checkpoint import FORMAT, load_checkpoint, make_recipe
from tests.integration.commands import run as run_verb
from tests.verbs import cellmark

MODEL = {
    "_target_": "cellmark.models.network.Network",
    "backbone": {"_target_": "cellmark.models.compact.CompactBackbone", "widths": [8, 8], "blocks": [0, 0]},
    "decoder": {"_target_": "cellmark.models.unet.UNetDecoder", "_partial_": True},
    "heads": {"heatmap": 2},
}
CODEC = {"_target_": "cellmark.heatmaps.codec.GaussianCodec", "sigma": 1.5, "threshold": 0.4}


FORMAT_1 = Path(__file__).parent / "data/format_1"  # a run of two epochs by cellmark 0.1.0, before runs went on


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
        (
            content(format=FORMAT + 1, version="9.0"),
            rf"format {FORMAT + 1}, written by cellmark 9\.0; this is cellmark \S+, which reads format {FORMAT}: "
            r"install cellmark 9\.0 to use it",
        ),
        (content(format=FORMAT - 1, version="0.0.1"), rf"format {FORMAT - 1}, .*: install cellmark 0\.0\.1 to use it"),
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


def test_a_checkpoint_of_format_1_gives_the_numbers_that_it_gave():
    """``heatmap.npy`` was computed by the code that wrote the checkpoint."""
    model = load_checkpoint(FORMAT_1 / "checkpoints/last.ckpt")
    assert model.classes == ("black", "white") and model.size == (32, 32)
    assert model.visibility_to_class == {0: None, 1: "white", 2: "black"}
    assert model.codec == GaussianCodec(sigma=0.2, unit="pitch", min_sigma=0.8, threshold=0.3)
    image = 0.5 + 0.5 * np.sin(0.37 * np.arange(3 * 32 * 32).reshape(1, 3, 32, 32))
    with torch.no_grad():
        heatmap = model.network(torch.tensor(image.astype(np.float32)))["heatmap"][0].numpy()
    expected = np.load(FORMAT_1 / "heatmap.npy")
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(heatmap, expected, atol=1e-5)


def moved_format_1(folder):
    """The run of format 1 as if it had been made in ``folder``."""
    shutil.copytree(FORMAT_1, folder)
    config = (folder / "config.yaml").read_text()
    assert config.count("/tmp/run") > 3
    (folder / "config.yaml").write_text(config.replace("/tmp/run", str(folder)))
    path = folder / "checkpoints/last.ckpt"
    saved = torch.load(path, weights_only=True)
    for state in saved["callbacks"].values():
        for key, value in state.items():
            if isinstance(value, str):
                state[key] = value.replace("/tmp/run", str(folder))
        if "best_k_models" in state:
            state["best_k_models"] = {
                name.replace("/tmp/run", str(folder)): value for name, value in state["best_k_models"].items()
            }
    torch.save(saved, path)
    shutil.copy(path, folder / "checkpoints/best.ckpt")  # which it was: its second epoch was the better one
    return folder


def test_a_run_of_format_1_goes_on_when_its_logger_is_replaced(plain_root, tmp_path, capfd):
    folder = moved_format_1(tmp_path / "run")
    before = {name: (folder / name).read_bytes() for name in ("config.yaml", "metrics.csv", "summary.json")}
    resume = ["train", "ckpt=last", f"output_dir={folder}", f"data.root={plain_root}", "trainer.max_epochs=3"]
    assert run_verb(*resume) == 1
    said = capfd.readouterr().err
    assert "CSVLogger, which the run was begun with, removes metrics.csv" in said
    told = shlex.split(said.split("in its place: ")[1])
    assert told[0] == "logger.csv=null" and len(told) == 2
    assert {name: (folder / name).read_bytes() for name in before} == before and not (folder / "failure.json").exists()
    ended = cellmark(tmp_path / "said.txt", *resume, *told)
    assert ended.status == 0, ended.said
    run = read_run(folder)
    assert (run.state, run.epochs) == ("finished", 3) and (folder / "config.yaml").read_bytes() == before["config.yaml"]
    assert load_checkpoint(folder / "checkpoints/last.ckpt").size == (32, 32)
