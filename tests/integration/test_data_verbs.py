"""From the files that people have to a training, verb after verb, as a person would run them."""

import json
from pathlib import Path

import pytest

from cellmark.cli.job import run_verb
from tests.cli.test_main import composed
from tests.data.prepare.convert.raw import raw_folder
from tests.integration.test_verbs import training
from tests.killing import contents


def run(verb: str, *overrides: str) -> int:
    return run_verb(verb, composed(verb, *overrides))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Raw positions and grids, converted, grouped and warped."""
    path = tmp_path_factory.mktemp("chain")
    raw = raw_folder(path / "raw", images=12)
    before = contents(raw)
    assert run("dataset_convert", f"input={raw}", f"output_dir={path / 'flat'}", "link=true") == 0
    assert run("dataset_group", f"input={path / 'flat'}", f"output_dir={path / 'photos'}", "k=2", "link=true") == 0
    flat = contents(path / "flat")
    assert run("dataset_warp", f"data.root={path / 'photos'}", "curvature=0.05", "workers=1") == 0
    assert contents(raw) == before and contents(path / "flat") == flat
    return path / "photos"


def test_the_result_is_sound_and_three_times_as_large(photos, capsys):
    assert run("dataset_check", f"data.root={photos}", "format=json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and [folder["name"] for folder in told["folders"]] == ["group_1", "group_2"]
    assert sum(folder["images"] for folder in told["folders"]) == 3 * 12


def test_it_can_be_looked_at(photos, tmp_path, capsys):
    assert run("dataset_show", f"data.root={photos}", f"output_dir={tmp_path / 'shown'}", "size=[64,64]") == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "shown" / "index.html")


def test_a_network_learns_from_it(photos, tmp_path):
    settings = ["data.val_folder=group_1", "trainer.max_epochs=3", "data.batch_size=2", "augment=warped"]
    losses = training(photos, tmp_path / "run", *settings).metrics
    assert losses["val/mse"] < 0.1
