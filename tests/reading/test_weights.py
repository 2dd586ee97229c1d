import json
import struct
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

import reader_weights
from cellmark.errors import CellmarkError
from cellmark.models.classifier import CellClassifier
from cellmark.reading import weights
from cellmark.reading.weights import (
    LARGEST,
    load_classifier,
    load_default,
    load_weights,
    save_classifier,
    save_weights,
)
from cellmark.tasks.checkpoint import FORMAT, RECIPE, load_checkpoint
from tests.reading.networks import checkpoint, content


@pytest.fixture
def saved(tmp_path):
    """A checkpoint and the weights made of it."""
    made = checkpoint(tmp_path / "a.ckpt"), tmp_path / "deeper/reader.safetensors"
    save_weights(*made)
    return made


def header(path):
    """As the format is defined: 8 bytes of length, little endian, then JSON."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length])


def changed(path, **changes):
    """The weights with other entries in their recipe."""
    recipe = json.loads(header(path)["__metadata__"][RECIPE]) | changes
    save_file(load_file(path), path, {RECIPE: json.dumps(recipe)})
    return path


def test_the_weights_are_the_checkpoint_in_16_bits(saved):
    original, model = load_checkpoint(saved[0]), load_weights(saved[1])
    for name in ("codec", "classes", "visibility_to_class", "size"):
        assert getattr(model, name) == getattr(original, name), name
    assert not model.network.training
    expected = original.network.state_dict()
    for name, value in model.network.state_dict().items():
        whole = value.dtype == torch.int64
        assert torch.equal(value, expected[name] if whole else expected[name].half().float()), name
    counts = [value for name, value in expected.items() if name.endswith("num_batches_tracked")]
    assert counts and all(int(value) == 3 for value in counts)
    image = torch.rand(1, 3, 48, 40)
    with torch.inference_mode():
        for name, maps in original.network(image).items():
            torch.testing.assert_close(model.network(image)[name], maps, atol=5e-3, rtol=0)


def test_the_file_holds_small_numbers_and_one_recipe(saved):
    entries = header(saved[1])
    assert list(entries.pop("__metadata__")) == [RECIPE]
    assert {entry["dtype"] for entry in entries.values()} == {"F16", "I64"}
    assert set(entries) == set(load_checkpoint(saved[0]).network.state_dict())


def test_the_same_checkpoint_gives_the_same_bytes(saved, tmp_path):
    first = saved[1].read_bytes()
    other = content()
    for name, value in other["state_dict"].items():  # as a training in this layout leaves them
        if value.ndim == 4:
            other["state_dict"][name] = value.to(memory_format=torch.channels_last)
    torch.save(other, tmp_path / "b.ckpt")
    for source in (saved[0], tmp_path / "b.ckpt"):
        save_weights(source, tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == first
    save_weights(checkpoint(tmp_path / "c.ckpt", seed=1), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() != first


def test_a_large_network_is_refused(saved, tmp_path, monkeypatch):
    assert LARGEST == 10_000_000
    size = saved[1].stat().st_size
    monkeypatch.setattr(weights, "LARGEST", size)
    save_weights(saved[0], tmp_path / "b.safetensors")
    monkeypatch.setattr(weights, "LARGEST", size - 1)
    with pytest.raises(CellmarkError, match=r"a\.ckpt: .* MB are more than"):
        save_weights(saved[0], tmp_path / "c.safetensors")
    assert not (tmp_path / "c.safetensors").exists()


@pytest.mark.parametrize("value", [1e6, float("nan")])
def test_numbers_beyond_16_bits_are_refused(tmp_path, value):
    broken = content()
    broken["state_dict"]["network.heads.scale.bias"][0] = value
    torch.save(broken, tmp_path / "a.ckpt")
    with pytest.raises(CellmarkError, match=r"a\.ckpt: heads\.scale\.bias holds values that are not finite"):
        save_weights(tmp_path / "a.ckpt", tmp_path / "b.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.parametrize("target", ["os.system", "cellmark.cli.main.main", "builtins.eval"])
def test_a_recipe_with_foreign_code_is_refused(saved, target):
    with pytest.raises(CellmarkError, match=r"reader\.safetensors: refuses to build"):
        load_weights(changed(saved[1], codec={"_target_": target}))


def test_other_files_are_refused(saved, tmp_path):
    with pytest.raises(CellmarkError, match=rf"format {FORMAT + 1}, written by cellmark 9\.0; this is cellmark"):
        load_weights(changed(saved[1], format=FORMAT + 1, version="9.0"))
    with pytest.raises(CellmarkError, match="cannot be read as weights"):
        load_weights(saved[0])
    with pytest.raises(CellmarkError, match="cannot be read as weights"):
        load_weights(tmp_path / "nowhere.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(CellmarkError, match="no weights of cellmark"):
        load_weights(tmp_path / "b.safetensors")
    with pytest.raises(CellmarkError, match="no such checkpoint"):
        save_weights(tmp_path / "nowhere.ckpt", tmp_path / "c.safetensors")


def test_tensors_that_do_not_fit_are_refused(saved):
    tensors, recipe = load_file(saved[1]), header(saved[1])["__metadata__"]
    del tensors["heads.scale.bias"]
    save_file(tensors, saved[1], recipe)
    with pytest.raises(CellmarkError, match=r"(?s)do not fit its network: .*heads\.scale\.bias"):
        load_weights(saved[1])


def test_the_default_is_found_or_missed(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "DEFAULT", saved[1])
    assert load_default().size == (64, 96)
    monkeypatch.setattr(weights, "DEFAULT", tmp_path / "nowhere.safetensors")
    with pytest.raises(CellmarkError, match="no default weights; name a checkpoint with ckpt="):
        load_default()


def test_the_weights_of_the_package_are_small():
    files = sorted(path.name for path in weights.DEFAULT.parent.iterdir() if path.suffix == ".safetensors")
    assert files == [weights.CLASSIFIER.name, weights.DEFAULT.name]
    assert sum((weights.DEFAULT.parent / name).stat().st_size for name in files) <= LARGEST


def test_a_classifier_is_what_was_saved(saved, tmp_path):
    torch.manual_seed(0)
    network, path = CellClassifier((6, 8, 10), (1, 2)).eval(), tmp_path / "c.safetensors"
    save_classifier(network, path)
    again = load_classifier(path)
    image = torch.randint(0, 256, (1, 3, 80, 80), dtype=torch.uint8)
    with torch.inference_mode():
        for one, other in zip(network(image), again(image), strict=True):
            torch.testing.assert_close(one, other, atol=2e-2, rtol=0)
    with pytest.raises(CellmarkError, match="weights of Network, not of a classifier of cells"):
        load_classifier(saved[1])
    with pytest.raises(CellmarkError, match="weights of CellClassifier, not of a network that finds cells"):
        load_weights(path)
    with pytest.raises(CellmarkError, match=r"nowhere\.safetensors: this installation of cellmark has no such weights"):
        load_classifier(tmp_path / "nowhere.safetensors")


def test_the_script_writes_the_file(saved, tmp_path, monkeypatch, capsys):
    target = tmp_path / "b.safetensors"
    monkeypatch.setattr(sys, "argv", ["reader_weights.py", str(saved[0]), str(target)])
    reader_weights.main()
    assert target.read_bytes() == saved[1].read_bytes() and str(target) in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["reader_weights.py", str(tmp_path / "nowhere"), str(target)])
    with pytest.raises(SystemExit, match="no such checkpoint"):
        reader_weights.main()
