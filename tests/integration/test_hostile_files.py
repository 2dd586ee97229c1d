"""Checkpoints and weights that were made to run code when they are loaded, and damaged ones."""

import json
import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_image
from cellmark.reading.weights import load_weights, save_weights
from cellmark.tasks.checkpoint import RECIPE, load_checkpoint
from tests.cli.test_main import composed
from tests.reading.drawn import picture
from tests.reading.networks import checkpoint, content
from tests.verbs import training

HACKED = "hacked"
OPEN = {"_target_": "builtins.open", "_args_": [HACKED, "w"]}  # makes a file where it is called
HIDDEN = {
    "a tuple": (OPEN,),
    "an interpolation": "${oc.create:{_target_:builtins.open,_args_:[hacked,w]}}",
    "a target that is put together": {"_target_": "${oc.decode:builtins.open}", "_args_": [HACKED, "w"]},
    "a list in a list": [[OPEN]],
    "a key": {"${oc.create:{}}": 1},
}


class Malicious:
    """Pickled, it makes a file when it is unpickled."""

    def __reduce__(self):
        return open, (HACKED, "w")


@pytest.fixture(autouse=True)
def nothing_was_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / HACKED).exists()


def hostile(path, kind):
    """A checkpoint that runs code: in its pickle, plain or within a checkpoint; or in its recipe."""
    if kind.startswith("pickle"):
        write_bytes(path, pickle.dumps(Malicious(), protocol=int(kind[-1])))
    elif kind == "state":
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content() | {"optimizer_states": [Malicious()]}, path)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        saved = content()
        saved[RECIPE]["network"]["backbone"] = OPEN
        torch.save(saved, path)
    return path


def test_the_stand_ins_are_hostile(tmp_path):
    with open(hostile(tmp_path / "a.ckpt", "pickle 4"), "rb") as file:
        pickle.load(file).close()
    assert (tmp_path / HACKED).exists()
    (tmp_path / HACKED).unlink()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # not the one that torch writes
@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        (verb, kind)
        for verb in ("predict", "read", "evaluate", "weights.ckpt")
        for kind in ("pickle 2", "pickle 4", "state", "recipe")
        if (verb, kind) != ("weights.ckpt", "recipe")  # only tensors are taken from it
    ],
)
def test_no_verb_runs_the_code_of_a_checkpoint(verb, kind, plain_root, tmp_path):
    path = hostile(tmp_path / "a.ckpt", kind)
    write_image(tmp_path / "a.png", picture(["one"]))
    if verb == "weights.ckpt":
        verb, *arguments = training(plain_root, tmp_path / "run", f"weights.ckpt={path}")
    elif verb == "evaluate":
        arguments = [f"data.root={plain_root}", f"ckpt={path}", f"output_dir={tmp_path}/out"]
    else:
        arguments = ["input=a.png", f"ckpt={path}", f"output_dir={tmp_path}/out"]
    with pytest.raises(CellmarkError, match=r"a\.ckpt: (not a checkpoint that can be loaded safely|refuses to build)"):
        run_verb(verb, composed(verb, *arguments), [])


@pytest.mark.parametrize("kind", ["pickle 2", "state"])
def test_no_resume_runs_the_code_of_a_checkpoint(kind, plain_root, tmp_path):
    verb, *arguments = training(plain_root, tmp_path / "run", "trainer.max_epochs=1")
    assert run_verb(verb, composed(verb, *arguments), []) == 0
    hostile(tmp_path / "run/checkpoints/last.ckpt", kind)
    with pytest.raises(CellmarkError, match=r"last\.ckpt: not a checkpoint that can be loaded safely"):
        run_verb(verb, composed(verb, "ckpt=last", f"output_dir={tmp_path}/run", "data.root=x"), [])


@pytest.mark.parametrize("hidden", HIDDEN)
def test_nothing_hides_in_a_recipe(hidden, tmp_path):
    saved = content()
    saved[RECIPE]["network"]["backbone"]["more"] = HIDDEN[hidden]
    torch.save(saved, tmp_path / "a.ckpt")
    with pytest.raises(CellmarkError, match=r"a\.ckpt: refuses to build"):
        load_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("hidden", ["an interpolation", "a target that is put together", "a list in a list"])
def test_nothing_hides_in_the_recipe_of_weights(hidden, tmp_path):
    saved = content()
    saved[RECIPE]["codec"]["more"] = HIDDEN[hidden]
    torch.save(saved, tmp_path / "a.ckpt")
    with pytest.raises(CellmarkError, match=r"refuses to build"):  # nor does it become weights
        save_weights(tmp_path / "a.ckpt", tmp_path / "a.safetensors")
    tensors = {"a": torch.zeros(1)}
    save_file(tensors, tmp_path / "b.safetensors", {RECIPE: json.dumps(saved[RECIPE] | {"network": HIDDEN[hidden]})})
    with pytest.raises(CellmarkError, match=r"b\.safetensors: refuses to build"):
        load_weights(tmp_path / "b.safetensors")


@pytest.mark.parametrize("key", ["network", "codec", "classes", "visibility_to_class", "size", "format", "version"])
def test_a_recipe_that_lacks_something_is_told(key, tmp_path):
    saved = content()
    del saved[RECIPE][key]
    torch.save(saved, tmp_path / "a.ckpt")
    if key == "version":
        assert load_checkpoint(tmp_path / "a.ckpt").size == (64, 96)
        return
    with pytest.raises(CellmarkError, match=rf"a\.ckpt: .*{key}"):
        load_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("state", [[], {}, {"network.heads.scale.bias": 3}])
def test_a_state_that_does_not_fit_is_told(state, tmp_path):
    torch.save(content() | {"state_dict": state}, tmp_path / "a.ckpt")
    with pytest.raises(CellmarkError, match=r"a\.ckpt: (not a checkpoint of cellmark|its tensors do not fit)"):
        load_checkpoint(tmp_path / "a.ckpt")


def test_a_checkpoint_that_is_cut_off_is_told_wherever_it_ends(tmp_path):
    whole = checkpoint(tmp_path / "a.ckpt").read_bytes()
    for end in (0, 1, 10, 100, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        (tmp_path / "b.ckpt").write_bytes(whole[:end])
        with pytest.raises(CellmarkError, match=r"b\.ckpt: not a checkpoint that can be loaded safely"):
            load_checkpoint(tmp_path / "b.ckpt")
    assert sorted(os.listdir(tmp_path)) == ["a.ckpt", "b.ckpt"]
