"""Cross-validations of tiny networks, through the command line."""

import csv
import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
import yaml

from cellmark.data.images import read_image
from cellmark.runs.record import find_runs, read_run
from tests.conftest import write_plain_folders
from tests.integration.commands import PATIENCE, PAUSE, QUICK, run, start, wait_for

TWO = [*QUICK, "trainer.max_epochs=2", PAUSE]  # epochs, so that a fold can be half done


@pytest.fixture(scope="module")
def place(tmp_path_factory, plain_root):
    """A folder with data in it, and a cross-validation that nothing disturbed."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(plain_root, folder / "root")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("crossval", "data.root=root", "output_dir=cv", *TWO) == 0
    return folder


@pytest.fixture(autouse=True)
def working_folder(place, monkeypatch):
    """A relative path is meant from here."""
    monkeypatch.chdir(place)


def metrics_of(cv):
    return {path.name: read_run(path).metrics for path in sorted((cv / "folds").iterdir())}


def times_of(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def weights_of(fold):
    return torch.load(fold / "checkpoints/last.ckpt", weights_only=True)["state_dict"]


def test_every_folder_is_left_out_once_in_an_ordinary_run_folder(place):
    cv = place / "cv"
    runs = {path.name: read_run(path) for path in find_runs([cv])}
    assert list(runs) == ["fold0", "fold1", "fold2"]
    for name, one in runs.items():
        assert (one.state, one.epochs, one.config["data"]["val_folder"]) == ("finished", 2, name)
        assert one.config["data"]["train_folders"] == [other for other in runs if other != name]
        assert one.config["output_dir"] == str(cv / "folds" / name) and one.choices["loss"] == "mse"
        for file in (".hydra/overrides.yaml", "run.log", "checkpoints/best.ckpt", "metrics.csv", "tensorboard"):
            assert (one.folder / file).exists(), file
    assert not list(cv.rglob("failure.json"))


def test_the_report_is_that_of_the_folds(place):
    cv, own = place / "cv", metrics_of(place / "cv")
    summary = json.loads((cv / "summary.json").read_text())
    assert summary["per_fold"] == own and summary["missing"] == []
    assert {"val/mse", "val/ap", "val/cell_f1_50", "train/loss"} <= summary["metrics"].keys()
    for name, mean in summary["metrics"].items():
        told = [one[name] for one in own.values() if one.get(name) is not None]
        assert mean == (pytest.approx(np.mean(told), rel=1e-12) if told else None)
        assert summary["std"][name] == (pytest.approx(np.std(told, ddof=1), rel=1e-9) if len(told) > 1 else None)
    mse = {name: one["val/mse"] for name, one in own.items()}
    assert len(set(mse.values())) == 3
    assert summary["worst"]["val/mse"] == {"fold": max(mse, key=mse.get), "value": max(mse.values())}
    trainings = [json.loads((cv / "folds" / name / "summary.json").read_text()) for name in own]
    assert summary["fit_seconds"] == pytest.approx(sum(one["fit_seconds"] for one in trainings))
    assert summary["counts"]["parameters"] == trainings[0]["counts"]["parameters"]
    with (cv / "folds.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["fold"]: float(row["val/mse"]) for row in rows} == mse
    assert {(row["state"], row["epochs"]) for row in rows} == {("finished", "2")}
    assert "3 of 3 folds finished" in (cv / "report.md").read_text()
    assert read_image(cv / "report.png").std() > 5


def test_a_fold_can_be_judged_again_and_prolonged(place, tmp_path):
    fold = shutil.copytree(place / "cv", tmp_path / "cv") / "folds/fold1"
    settings = ["data.root=root", "data.test_folder=fold1", "data.num_workers=0", "pictures=0"]
    assert run("evaluate", f"ckpt={fold}/checkpoints/best.ckpt", f"output_dir={tmp_path}/e", *settings) == 0
    judged = json.loads((tmp_path / "e/summary.json").read_text())["metrics"]
    assert judged["test/mse"] == pytest.approx(read_run(fold).metrics["val/mse"], rel=1e-4)
    assert run("train", "ckpt=last", f"output_dir={fold}", "trainer.max_epochs=3", "data.root=root") == 0
    assert (read_run(fold).epochs, read_run(fold).state) == (3, "finished")


def test_the_same_command_again_trains_nothing(place, capfd):
    before = times_of(place / "cv/folds")
    assert run("crossval", f"data.root={place}/root", "output_dir=cv", *TWO) == 0
    assert times_of(place / "cv/folds") == before
    told = capfd.readouterr()
    assert "finished before: fold0, fold1, fold2" in told.out and "3 of 3 folds finished" in told.out


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("optimizer.lr=0.01", "optimizer.lr=0.01"),
        ("trainer.max_epochs=5", "trainer.max_epochs=5"),
        ("data.val_folder=0", "data.val_folder: that is for each fold to say"),
        ("data.train_folders=[fold0]", "data.train_folders: that is for each fold to say"),
        ("ckpt=last", "ckpt: that is for each fold to say"),
        ("folds=other.yaml", "began with other folds than those of other.yaml"),
    ],
)
def test_other_settings_the_second_time_are_refused_by_name(place, setting, named, capfd):
    before = times_of(place / "cv/folds")
    (place / "other.yaml").write_text("folds: {a: {val_folder: fold0, train_folders: [fold1]}}")
    assert run("crossval", "data.root=root", "output_dir=cv", *TWO, setting) == 1
    told = capfd.readouterr().err
    assert named in told and "Traceback" not in told
    assert times_of(place / "cv/folds") == before


@pytest.mark.slow
def test_killed_and_interrupted_it_goes_on_as_if_nothing_had_happened(place, capfd, tmp_path):
    """Killed in the second fold; started again, and interrupted in the third; the third time it ends."""
    cut, command = place / "cut", ["crossval", "data.root=root", "output_dir=cut", *TWO]
    process = start(*command, folder=place, PAUSE_IN="fold1", MARKS=str(tmp_path))
    wait_for((tmp_path / "fold1").exists, process)
    first = times_of(cut / "folds/fold0")
    assert "1 of 3 folds finished" in (cut / "report.md").read_text()  # after each fold
    assert run(*command) == 1
    assert f"{cut}: another process works in it" in capfd.readouterr().err
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert (read_run(cut / "folds/fold1").state, read_run(cut / "folds/fold1").epochs) == ("stopped", 1)

    process = start(*command, folder=place, PAUSE_IN="fold2", MARKS=str(tmp_path))
    wait_for((tmp_path / "fold2").exists, process)
    os.killpg(process.pid, signal.SIGINT)
    out, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert "interrupted; the same command goes on with what is missing" in said
    assert "finished before: fold0" in out and f"goes on from {cut}/folds/fold1/checkpoints/last.ckpt" in out
    assert "stopped after 1 epoch" in (cut / "report.md").read_text()

    assert run(*command) == 0
    assert times_of(cut / "folds/fold0") == first
    assert metrics_of(cut) == metrics_of(place / "cv")
    for name in ("fold0", "fold1", "fold2"):
        weights = weights_of(place / "cv/folds" / name)
        assert all(torch.equal(value, weights[key]) for key, value in weights_of(cut / "folds" / name).items())


@pytest.mark.slow
def test_a_failing_fold_of_a_file_ends_no_other_and_is_tried_again(place, tmp_path, capfd, monkeypatch):
    """Folds of another cross-validation, changed; a test folder of one of them; data by an absolute path."""
    plan = yaml.safe_load((place / "cv/folds.yaml").read_text())["folds"]
    assert plan["fold1"] == {"val_folder": "fold1", "train_folders": ["fold0", "fold2"]}
    del plan["fold1"], plan["fold2"]
    plan["k=2, again"] = {"val_folder": "fold1", "train_folders": ["fold0"], "test_folder": "fold2"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"folds": plan}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIL_IN", "fold0")
    command = ["crossval", f"data.root={place}/root", "output_dir=cv", "folds=plan.yaml", *TWO]
    assert run(*command) == 1
    runs = {name: read_run(tmp_path / "cv/folds" / name) for name in plan}
    assert [one.state for one in runs.values()] == ["failed", "finished"]
    assert runs["fold0"].error == "RuntimeError: the disk is full"
    told, page = capfd.readouterr(), (tmp_path / "cv/report.md").read_text()
    assert "1 of 2 folds finished" in page and "the disk is full" in page
    assert "fold0: failed after 1 epoch: RuntimeError: the disk is full" in " ".join(told.out.split())
    before = times_of(tmp_path / "cv/folds/k=2, again")
    monkeypatch.delenv("FAIL_IN")
    assert run(*command) == 0
    assert times_of(tmp_path / "cv/folds/k=2, again") == before
    own, summary = metrics_of(tmp_path / "cv"), json.loads((tmp_path / "cv/summary.json").read_text())
    assert own["fold0"] == metrics_of(place / "cv")["fold0"]
    assert "test/mse" in own["k=2, again"] and "test/mse" not in own["fold0"]
    assert summary["metrics"]["test/mse"] == own["k=2, again"]["test/mse"] and summary["measured"]["test/mse"] == 1
    assert "2 of 2 folds finished" in (tmp_path / "cv/report.md").read_text()
    assert yaml.safe_load((tmp_path / "cv/folds.yaml").read_text())["folds"] == plan


def test_bad_pictures_are_found_before_the_first_fold(place, capfd):
    image = shutil.copytree(place / "root", place / "broken") / "fold1/003.png"
    image.write_bytes(image.read_bytes()[:200])
    (place / "one.yaml").write_text("folds: {fold0: {val_folder: fold0, train_folders: [fold1, fold2]}}")
    command = ["crossval", "data.root=broken", "output_dir=skipping", "folds=one.yaml", *QUICK]
    assert run(*command) == 1
    assert "broken/fold1/003.png" in capfd.readouterr().err and not (place / "skipping/folds").exists()
    assert run(*command, "data.on_error=skip") == 0
    counts = json.loads((place / "skipping/folds/fold0/counts.json").read_text())["images"]
    assert counts == {"train": 11, "val": 6, "test": 0}


def test_a_test_folder_is_in_no_fold(place, tmp_path):
    settings = ["data.test_folder=1", f"output_dir={tmp_path}/cv", *QUICK, "experiment=demo"]
    assert run("crossval", "data.root=root", *settings) == 0
    runs = [read_run(path) for path in find_runs([tmp_path / "cv"])]
    assert [one.config["data"]["val_folder"] for one in runs] == ["fold0", "fold2"]
    for one in runs:
        assert one.config["data"]["test_folder"] == "fold1" and "fold1" not in one.config["data"]["train_folders"]
        assert "test/mse" in one.metrics and one.choices["experiment"] == "demo"
        assert one.config["name"] == "demo"  # what an experiment sets goes on to the folds


NAMES = ["it's=[1]", "2024", "back\\", "a b,c", 'say "{no}"', "\u5b57\u00e9", "null", "1e3", "x:y"]


@pytest.mark.slow
def test_names_of_folders_may_have_any_character(tmp_path):
    root = write_plain_folders(tmp_path / "a=b, 'c'", folders=len(NAMES), images=2)
    for index, name in enumerate(NAMES):
        (root / f"fold{index}").rename(root / name)
    folds = {name: {"val_folder": name, "train_folders": NAMES[3:]} for name in NAMES[:3]}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"folds": folds}, allow_unicode=True))
    root_text, out = str(root).replace("'", "\\'"), tmp_path / "cv of [all]"
    settings = [f"data.root='{root_text}'", f"output_dir='{out}'", f"folds={tmp_path}/plan.yaml", *QUICK]
    assert run("crossval", *settings) == 0
    for name in NAMES[:3]:
        one = read_run(out / "folds" / name)
        assert one.state == "finished" and one.config["data"]["val_folder"] == name
        assert one.config["data"]["train_folders"] == NAMES[3:]


@pytest.mark.parametrize("used", ["cv/folds/fold0", "sweep"])
def test_a_folder_of_something_else_is_refused_untouched(place, used, capfd):
    (place / "sweep").mkdir(exist_ok=True)
    (place / "sweep/multirun.yaml").touch()
    before = times_of(place / used)
    assert run("crossval", "data.root=root", f"output_dir={used}", *QUICK) == 1
    assert f"{used}: already holds a run or a sweep, and no cross-validation" in capfd.readouterr().err
    assert times_of(place / used) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["data.root=nowhere"], "nowhere"),
        (["data.root=root", "folds=none.yaml"], "none.yaml: no such file of folds"),
        (["data.root=root", "data.test_folder=fold9"], "data.test_folder=fold9: no such folder"),
        (["data.root=root", "+speed=1"], "nothing reads the key speed"),
        (["data.root=root", "folds=odd.yaml"], "odd.yaml: fold a: no folder with images called fold7"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(place, arguments, reason, tmp_path, capfd):
    (place / "odd.yaml").write_text("folds: {a: {val_folder: fold7, train_folders: [fold1]}}")
    assert run("crossval", *arguments, f"output_dir={tmp_path}/cv", *QUICK) == 1
    told = capfd.readouterr().err
    assert reason in told and "Traceback" not in told
    assert not (tmp_path / "cv/folds").exists()


def test_an_attempt_that_was_refused_leaves_the_way_free(place, tmp_path):
    command = ["crossval", f"data.root={tmp_path}/root", f"output_dir={tmp_path}/cv", *QUICK]
    (tmp_path / "one.yaml").write_text("folds: {fold0: {val_folder: fold0, train_folders: [fold1]}}")
    command += [f"folds={tmp_path}/one.yaml"]
    assert run(*command) == 1
    (tmp_path / "root").symlink_to(place / "root")
    assert run(*command) == 0
    assert not (tmp_path / "cv/failure.json").exists()
    assert "resumed_1" in os.listdir(tmp_path / "cv/.hydra")


def test_the_config_is_shown_without_training(place, capfd):
    assert (
        run("crossval", "data.root=root", "+trainer.accumulate_grad_batches=2", "output_dir=shown", "--cfg", "job") == 0
    )
    told = yaml.safe_load(capfd.readouterr().out)
    assert told["trainer"]["accumulate_grad_batches"] == 2 and told["folds"] is None
    assert not (place / "shown").exists()
