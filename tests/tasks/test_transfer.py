import json
import shutil

import pytest
import torch

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from cellmark.models.compact import CompactBackbone
from cellmark.models.network import Network
from cellmark.models.unet import UNetDecoder
from cellmark.tasks.cells import RECIPE
from cellmark.tasks.checkpoint import FORMAT, KEYS
from cellmark.tasks.transfer import transfer_weights
from tests.cli.test_main import composed
from tests.killing import contents
from tests.verbs import training

PARTS = ("backbone", "decoder", "heads")


def network(widths=(8, 8), blocks=(0, 0), **heads):
    return Network(CompactBackbone(widths, blocks), UNetDecoder, heads or {"heatmap": 2})


def saved(path, source):
    weights = {f"network.{key}": value for key, value in source.state_dict().items()}
    others = {"scores.val.count": torch.zeros(1)}
    torch.save({"state_dict": weights | others, RECIPE: dict.fromkeys(KEYS) | {"format": FORMAT, "version": "0"}}, path)
    return path


def part_of(key):
    return key.split(".")[0]


@pytest.mark.parametrize("parts", [PARTS, ("backbone",), ("decoder", "backbone"), ("heads",), ()])
def test_chosen_parts_are_those_of_the_checkpoint_and_others_stay(tmp_path, parts, caplog):
    caplog.set_level("INFO")
    own, theirs = network(), network()
    for value in theirs.state_dict().values():  # the counts of normalisation too
        value += 1
    before = {key: value.clone() for key, value in own.state_dict().items()}
    report = transfer_weights(own, saved(tmp_path / "a.ckpt", theirs), parts)
    for key, value in own.state_dict().items():
        expected = theirs.state_dict()[key] if part_of(key) in parts else before[key]
        assert torch.equal(value, expected), key
    left = {"heads.heatmap" if part == "heads" else part for part in set(PARTS) - set(parts)}
    assert list(report["taken"]) == list(parts) and set(report["left"]) == left
    sizes = {part_of(part): size for part, size in (report["taken"] | report["left"]).items()}
    for part in PARTS:
        values = [value for key, value in before.items() if part_of(key) == part]
        assert sizes[part] == {"tensors": len(values), "numbers": sum(value.numel() for value in values)}
    assert report["source"] == str(tmp_path / "a.ckpt")
    for what, chosen in (("taken", report["taken"]), ("left", report["left"])):
        (line,) = (record.getMessage() for record in caplog.records if f"a.ckpt, {what}:" in record.getMessage())
        assert all(part in line for part in chosen) and (chosen or line.endswith("nothing"))


def test_one_head_alone(tmp_path):
    own, theirs = network(heatmap=2, embedding=1), network(heatmap=2, embedding=3)
    before = own.heads["embedding"].weight.clone()
    report = transfer_weights(own, saved(tmp_path / "a.ckpt", theirs), ["heads.heatmap"])
    assert torch.equal(own.heads["heatmap"].weight, theirs.heads["heatmap"].weight)
    assert torch.equal(own.heads["embedding"].weight, before)
    assert list(report["taken"]) == ["heads.heatmap"] and set(report["left"]) == {
        "backbone",
        "decoder",
        "heads.embedding",
    }


@pytest.mark.parametrize(
    ("theirs", "parts", "reasons"),
    [
        (
            network(heatmap=1),
            PARTS,
            [r"heads\.heatmap\.weight has shape \(1, 8, 3, 3\) in .*a\.ckpt, \(2, 8, 3, 3\) here"],
        ),
        (network(blocks=(0, 1)), ["backbone"], [r"backbone\.levels\.1\.\S+ is only in .*a\.ckpt", "and [0-9]+ more"]),
        (network((8,), (0,)), ["backbone"], [r"backbone\.levels\.1\.\S+ is not in .*a\.ckpt"]),
        (network(), ["heads.embedding"], ["the network of this run has no part 'heads.embedding'"]),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_nothing_is_copied(tmp_path, theirs, parts, reasons):
    own = network()
    before = {key: value.clone() for key, value in own.state_dict().items()}
    with pytest.raises(CellmarkError) as told:
        transfer_weights(own, saved(tmp_path / "a.ckpt", theirs), parts)
    for reason in reasons:
        told.match(reason)
    assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())


def test_a_head_that_the_checkpoint_lacks_is_named_with_its_file(tmp_path):
    path = saved(tmp_path / "a.ckpt", network())
    with pytest.raises(CellmarkError, match=r"a\.ckpt has no part 'heads\.embedding'; there are backbone, decoder"):
        transfer_weights(network(heatmap=2, embedding=1), path, ["heads.embedding"])


@pytest.mark.parametrize("wrong", ["neck", "", "backbone.levels.0", "heads.", "heads.heatmap.weight", "network"])
def test_an_unknown_part_is_refused(tmp_path, wrong):
    with pytest.raises(CellmarkError, match=f"no part is called '{wrong}'; there are backbone, decoder, heads, heads"):
        transfer_weights(network(), saved(tmp_path / "a.ckpt", network()), ["backbone", wrong])


def test_parts_are_a_list(tmp_path):
    with pytest.raises(CellmarkError, match=r"weights\.parts=backbone: a list is needed, as in \[backbone\]"):
        transfer_weights(network(), saved(tmp_path / "a.ckpt", network()), "backbone")


QUICK = ["trainer.max_epochs=1", "callbacks.energy=null", "callbacks.curves=null", "metrics.coco=null", "seed=7"]


def verb(root, folder, *overrides):
    _, *arguments = training(root, folder, *QUICK, *overrides)
    return run_verb("train", composed("train", *arguments))


def weights(folder, name="last"):
    return torch.load(folder / f"checkpoints/{name}.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def unified(tmp_path_factory, plain_root):
    """A run with one class."""
    folder = tmp_path_factory.mktemp("unified") / "run"
    verb(plain_root, folder, "mode=unified", "seed=1")
    return folder


def test_a_run_begins_with_parts_of_another_that_had_other_classes(unified, plain_root, tmp_path):
    folder, ckpt = tmp_path / "run", unified / "checkpoints/last.ckpt"
    settings = [f"weights.ckpt={ckpt}", "weights.parts=[backbone,decoder]"]
    # Nothing is learnt: normalisation aside, the weights at the end are those of the beginning.
    assert verb(plain_root, folder, *settings, "optimizer.lr=0") == 0
    report = json.loads((folder / "weights.json").read_text())
    assert report["source"] == str(ckpt) and set(report["taken"]) == {"backbone", "decoder"}
    assert set(report["left"]) == {"heads.heatmap"} and report["left"]["heads.heatmap"]["numbers"] == 2 * (8 * 9 + 1)
    own, theirs = weights(folder), weights(unified)
    learnt = [key for key in own if "running" not in key and "num_batches" not in key]
    for key in learnt:
        assert torch.equal(own[key], theirs[key]) == (".heads." not in key), key


def test_another_number_of_classes_does_not_fit_as_a_whole(unified, plain_root, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(
        CellmarkError, match=r"weights\.ckpt: heads does not fit: heads\.heatmap\.weight has shape \(1, 8"
    ):
        verb(plain_root, folder, f"weights.ckpt={unified}/checkpoints/last.ckpt")
    assert not folder.exists()  # to be used again with weights.parts
    with pytest.raises(CellmarkError, match=r"gone\.ckpt: no such checkpoint"):
        verb(plain_root, folder, "weights.ckpt=gone.ckpt")


def test_a_resume_goes_on_with_its_own_weights(unified, plain_root, tmp_path):
    folder, source = tmp_path / "run", tmp_path / "source.ckpt"
    shutil.copy(unified / "checkpoints/last.ckpt", source)
    verb(plain_root, folder, f"weights.ckpt={source}", "mode=unified")
    source.unlink()  # not asked for again
    before, report = weights(folder), (folder / "weights.json").read_bytes()
    assert not torch.equal(before["network.heads.heatmap.weight"], weights(unified)["network.heads.heatmap.weight"])
    assert run_verb("train", composed("train", "ckpt=last", f"output_dir={folder}"), []) == 0
    after = weights(folder)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert (folder / "weights.json").read_bytes() == report and "summary.json" in contents(folder)
