"""Sweeps and searches of tiny networks, through the command line."""

import csv
import importlib.util
import json
import shutil

import pytest
import yaml

from cellmark.runs.record import find_runs, read_run
from tests.cli.test_main import composed
from tests.integration.commands import PAUSE, QUICK, run

# Optuna 2.10, which hydra-optuna-sweeper 1.3 pins, on SQLAlchemy 2: optuna issue 4323
OLD_OPTUNA = pytest.mark.filterwarnings("ignore:The ``declarative_base:DeprecationWarning")

SETTINGS = ["data.root=root", *QUICK]


@pytest.fixture(scope="module")
def place(tmp_path_factory, plain_root):
    """A folder with data in it."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(plain_root, folder / "root")
    return folder


@pytest.fixture(autouse=True)
def working_folder(place, monkeypatch):
    """A relative path is meant from here."""
    monkeypatch.chdir(place)


def runs_of(folder):
    return {path.name: read_run(path) for path in find_runs([folder])}


@pytest.mark.slow
def test_a_sweep_and_its_failing_jobs(place, capfd, monkeypatch):
    """One job finishes; the others have wrong data, a wrong part, or fail on the way."""
    monkeypatch.setenv("FAIL_IN", "fold1")
    axes = ["trainer.precision=32-true,nonsense", "data.val_folder=fold0,fold1,fold9"]
    command = ["train", "-m", *SETTINGS, *axes, PAUSE, "trainer.max_epochs=2", "output_dir=sweep"]
    assert run(*command) == 1
    told, runs = capfd.readouterr(), runs_of(place / "sweep")
    assert list(runs) == ["0", "1", "2", "3", "4", "5"]
    assert [one.state for one in runs.values()] == ["finished", *["failed"] * 5]
    assert runs["0"].config["output_dir"] == str(place / "sweep/0") and runs["0"].choices["loss"] == "mse"
    assert runs["1"].error == "RuntimeError: the disk is full"
    assert runs["2"].error.startswith("CellmarkError: data.val_folder=fold9: no such folder")
    assert "nonsense" in runs["3"].error and runs["3"].error.startswith("InstantiationException")
    assert "error: 5 of 6 jobs of sweep failed: 1, 2, 3, 4, 5" in told.err
    assert told.out.rstrip().endswith("side by side: cellmark compare input=sweep")
    assert yaml.safe_load((place / "sweep/multirun.yaml").read_text())["hydra"]["mode"] == "MULTIRUN"
    assert run("compare", "input=sweep", "output_dir=compared") == 0
    with (place / "compared/table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["finished", *["failed"] * 5]
    assert {row["data.val_folder"] for row in rows} == {"fold0", "fold1", "fold9"}
    assert any(row["error"] == "RuntimeError: the disk is full" for row in rows)

    before = sorted(path.stat().st_mtime_ns for path in (place / "sweep").rglob("*"))
    assert run(*command) == 1  # a used folder
    assert "sweep: already holds a run or a sweep; nothing is overwritten" in capfd.readouterr().err
    assert sorted(path.stat().st_mtime_ns for path in (place / "sweep").rglob("*")) == before


def test_a_misspelt_choice_is_told_before_any_job_and_leaves_the_folder_free(place, capfd):
    settings = [one for one in SETTINGS if not one.startswith("backbone.widths")]
    command = ["train", "-m", *settings, "data.val_folder=fold0", "output_dir=typo"]
    assert run(*command, "loss=mse,mes") == 1
    assert "Could not find 'loss/mes'" in capfd.readouterr().err and not list(place.glob("typo/*/"))
    assert run(*command, "backbone.widths=[8,16],[8,8]") == 0
    assert [one.config["backbone"]["widths"] for one in runs_of(place / "typo").values()] == [[8, 16], [8, 8]]


@pytest.mark.slow
def test_the_reports_grid(place):
    """Its six combinations, of which no network is trained."""
    small = ["data.size=[32,32]", "data.num_workers=0", "augment=none", "data.batch_size=18", "trainer.max_epochs=0"]
    small += ["backbone.pretrained=false", "data.root=root", "data.val_folder=0", "trainer.log_every_n_steps=1"]
    quiet = [one for one in QUICK if one.startswith(("callbacks.", "metrics."))]
    quiet += ["callbacks.checkpoint=null", "callbacks.last=null", "logger.tensorboard=null"]
    assert run("train", "sweep=report", *small, *quiet, "output_dir=grid") == 0
    chosen = [(one.choices["backbone"], one.choices["loss"]) for one in runs_of(place / "grid").values()]
    losses = ["mse", "mse_focal", "mse_focal_contrast"]
    assert chosen == [(backbone, loss) for backbone in ("resnet18", "resnet34") for loss in losses]
    experiment = composed("train", "experiment=report", "sweep=report", "data.root=x")
    assert experiment.data.size == [512, 512] and experiment.backbone.name == "resnet18"


def search(kind, folder, *settings):
    return run("train", f"sweep={kind}", *SETTINGS, f"output_dir={folder}", *settings)


@OLD_OPTUNA
@pytest.mark.slow
def test_a_random_search_is_that_of_its_seed(place, capfd):
    """Two of the three have data that is not there, of which every trial fails and says so."""
    drawn = {}
    for folder, seed in (("random", 3), ("again", 3), ("other", 4)):
        settings = [f"hydra.sweeper.sampler.seed={seed}", "hydra.sweeper.n_trials=2"]
        data = "0" if folder == "random" else "fold9"  # what is drawn does not depend on what was found
        assert search("random", folder, *settings, f"data.val_folder={data}") == (folder != "random")
        optimizers = [one.config["optimizer"] for one in runs_of(place / folder).values()]
        drawn[folder] = [(one["lr"], one["weight_decay"]) for one in optimizers]
    told = capfd.readouterr().err
    assert "2 of 2 jobs of again failed: 0, 1" in told and "2 of 2 jobs of other failed: 0, 1" in told
    assert "Traceback" not in told
    assert len(set(drawn["random"])) == 2 and drawn["random"] == drawn["again"] != drawn["other"]
    assert all(1e-4 <= lr <= 1e-2 and 1e-6 <= decay <= 1e-2 for lr, decay in drawn["random"])
    result = yaml.safe_load((place / "random/optimization_results.yaml").read_text())
    values = [read_run(place / "random" / name).metrics["val/mse"] for name in ("0", "1")]
    assert result["best_value"] == pytest.approx(min(values), rel=1e-12)
    best = min((0, 1), key=values.__getitem__)
    assert (result["best_params"]["optimizer.lr"], result["best_params"]["optimizer.weight_decay"]) == drawn["random"][
        best
    ]


@OLD_OPTUNA
@pytest.mark.slow
def test_a_tpe_search_with_trials_that_fail(place, capfd):
    """The greatest value of another metric; every trial on a folder that is not there fails, and no other."""
    settings = ["objective=val/ap", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_trials=5", "seed=2"]
    settings += ["hydra.sweeper.sampler.n_startup_trials=2"]
    settings += ["data.val_folder=choice(fold0,fold1,fold9)"]
    assert search("tpe", "tpe", *settings) == 1
    runs = runs_of(place / "tpe")
    folders = {name: one.config["data"]["val_folder"] for name, one in runs.items()}
    states = {name: one.state for name, one in runs.items()}
    assert len(runs) == 5 and states == {
        n: "failed" if folder == "fold9" else "finished" for n, folder in folders.items()
    }
    assert {"failed", "finished"} == set(states.values())
    told = {
        name: json.loads((place / "tpe" / name / "summary.json").read_text())["metrics"]["val/ap"]
        for name, state in states.items()
        if state == "finished"
    }
    result = yaml.safe_load((place / "tpe/optimization_results.yaml").read_text())
    assert result["best_value"] == pytest.approx(max(told.values()), rel=1e-12)
    best = runs[max(told, key=told.__getitem__)].config
    assert result["best_params"]["optimizer.lr"] == best["optimizer"]["lr"]
    said = capfd.readouterr()
    assert f"{5 - len(told)} of 5 jobs of tpe failed" in said.err
    assert "Warning" not in said.err and "alembic" not in said.out


@pytest.mark.parametrize("option", ["sweep=random", "sweep=tpe", "launcher=local", "launcher=slurm"])
def test_an_extra_that_is_missing_is_named(option, monkeypatch, capfd):
    there = importlib.util.find_spec
    hidden = ("hydra_plugins.hydra_optuna_sweeper", "hydra_plugins.hydra_submitit_launcher")
    monkeypatch.setattr("cellmark.cli.main.find_spec", lambda name: None if name in hidden else there(name))
    assert run("train", "-m", option, *SETTINGS) == 1
    extra = "search" if "sweep" in option else "launchers"
    assert f"error: train: {option} needs more: pip install 'cellmark[{extra}]'" in capfd.readouterr().err
