import re
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.cli import main as cli
from cellmark.cli.configs import config_folder, refuse_unknown_keys, register_resolvers
from cellmark.cli.help import help_text
from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from tests.conftest import write_plain_folders

GROUPS = (
    "augment",
    "backbone",
    "decoder",
    "loss",
    "optimizer",
    "scheduler",
    "trainer",
    "logger",
    "callbacks",
    "metrics",
)
CHECKOUT = Path(__file__).parents[2]


def test_words_without_a_key_are_pictures_to_read():
    assert cli.named_input(["a.jpg", "codes=1", "b c.jpg"]) == ["input=[a.jpg,'b c.jpg']", "codes=1"]
    assert cli.named_input(["-"]) == ["input=-"] and cli.named_input(["input=a"]) == ["input=a"]
    for option in ("--cfg", "-c", "--config-dir", "--package"):  # their value is no picture
        assert cli.named_input([option, "job", "input=a.jpg"]) == [option, "job", "input=a.jpg"]
    assert cli.named_input(["--cfg", "job", "a.jpg"]) == ["input=a.jpg", "--cfg", "job"]


def composed(verb, *overrides):
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose(verb, list(overrides))


def options(group):
    return sorted(path.stem for path in (config_folder() / group).glob("*.yaml"))


def test_every_verb_has_a_config_a_module_and_a_script():
    for verb in cli.VERBS:
        assert (config_folder() / f"{verb}.yaml").is_file()
        assert (CHECKOUT / "scripts" / f"{verb}.py").is_file()
        assert (Path(cli.__file__).parent / f"{verb}.py").is_file()
        composed(verb)


@pytest.mark.parametrize(("group", "option"), [(g, o) for g in GROUPS for o in options(g)])
def test_every_config_builds_what_it_names(group, option, tmp_path):
    overrides = [f"{group}={option}", f"output_dir={tmp_path}", "data.root=x"]
    config = composed(
        "train",
        *overrides,
        *(["backbone.pretrained=false"] if group == "backbone" and option != "compact" else []),
    )
    config = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    nodes = config[group].values() if group in ("logger", "callbacks", "metrics") else [config[group]]
    for node in nodes:
        assert instantiate(node) is not None


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_composes(experiment):
    config = composed("train", f"experiment={experiment}", "data.root=x")
    refuse_unknown_keys("train", config)


REPORT = {  # every number that the report states of its trainings
    "backbone.name": "resnet18",
    "decoder.widths": [256, 128, 64, 32, 16],
    "decoder.dropout": 0.1,
    "data.size": [512, 512],
    "data.batch_size": 8,
    "mode.classes": ["black", "white"],
    "task.codec.sigma": 2.0,
    "task.codec.unit": "pixel",
    "task.monitor": "val/mse",
    "optimizer._target_": "torch.optim.AdamW",
    "optimizer.lr": 1e-3,
    "optimizer.weight_decay": 1e-4,
    "scheduler._target_": "cellmark.tasks.schedules.plateau",
    "scheduler.factor": 0.7,
    "scheduler.patience": 8,
    "scheduler.min_lr": 1e-6,
    "trainer.max_epochs": 80,
    "trainer.gradient_clip_val": 1.0,
    "callbacks.every_epochs.every_n_epochs": 10,
    "callbacks.pictures.every": 5,
    "callbacks.curves.every": 10,
    "callbacks.energy.kg_per_kwh": 0.11,
}
MSE = {"loss._target_": "cellmark.losses.mse.MSELoss"}
COMBINED = {"loss.weights": {"mse": 1.0, "focal": 0.5, "contrast": 1.0}}
COMBINED |= {"loss.losses.contrast.push": 0.3, "loss.losses.contrast.pull": 0.2}
PLAIN, ONLINE = {"augment.transforms": []}, {"augment.p": 0.85}
TRAININGS = {1: MSE | PLAIN, 2: MSE | PLAIN, 3: MSE | ONLINE, 4: COMBINED | ONLINE}


@pytest.mark.parametrize("number", TRAININGS)
def test_the_reports_trainings_parameter_by_parameter(number):
    config = composed("train", f"experiment=report_training{number}", "data.root=x", "output_dir=x")
    for key, value in (REPORT | TRAININGS[number]).items():
        assert OmegaConf.select(config, key) == value, key


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["loss=penalty_reduced_focal_embedding", "mode=unified"], "at least 2 classes, the mode has"),
        (["trainer.devices=2", "trainer.accelerator=cpu", "+trainer.strategy=ddp_spawn"], "in a way of its own"),
        (["optimizer.lr=1e30", "trainer.max_epochs=3", "data.size=[64,64]"], "diverged: its loss is"),
    ],
)
def test_trainings_that_cannot_work_end_with_the_reason(settings, reason, plain_root, tmp_path):
    data = [f"data.root={plain_root}", "data.val_folder=0", f"output_dir={tmp_path}/a", "data.num_workers=0"]
    quick = [
        "trainer.log_every_n_steps=1",
        "callbacks.progress=null",
        "callbacks.pictures=null",
        "callbacks.curves=null",
    ]
    with pytest.raises(CellmarkError, match=reason):
        run_verb("train", composed("train", *data, *quick, *settings))


def test_a_key_that_nothing_reads_is_an_error():
    config = composed("predict", "input=a", "ckpt=b", "+colour=red")
    with pytest.raises(CellmarkError, match="nothing reads the key colour"):
        run_verb("predict", config)


def test_needed_keys_are_named():
    with pytest.raises(CellmarkError, match=r"needs ckpt=\.\.\. input=\.\.\."):
        run_verb("predict", composed("predict"))


@pytest.mark.parametrize(
    "override",
    ["+trainer.speed=1", "+loss.weight=2", "+backbone.depth=3", "+task.codec.sigmas=1", "+data.rot=1"],
)
def test_a_key_inside_a_group_that_nothing_reads_is_an_error(override, plain_root, tmp_path):
    config = composed("train", f"data.root={plain_root}", "data.val_folder=0", f"output_dir={tmp_path}", override)
    with pytest.raises(Exception, match="unexpected keyword argument"):
        run_verb("train", config)
    assert not (tmp_path / "summary.json").exists()


def call(*arguments, folder=None):
    command = [sys.executable, "-m", "cellmark.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_lists_its_verbs():
    answer = call("--help")
    assert answer.returncode == 0 and all(verb in answer.stdout for verb in cli.VERBS)
    assert call("fly").returncode == 2


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_shows_every_key_with_its_comment(verb):
    told, config = help_text(verb, config_folder()), composed(verb)
    assert told.startswith(f"usage: cellmark {verb} key=value")
    for key in OmegaConf.to_container(config):
        assert f"\n{key}:" in told or f"\n{key}=" in told, key
    file = (config_folder() / f"{verb}.yaml").read_text()
    for line in file.splitlines():
        if "  #" in line and not line.startswith("  -"):
            assert line in told


def test_help_shows_the_choices_of_groups():
    answer = call("train", "--help")
    assert answer.returncode == 0 and answer.stderr == ""
    assert "\nscheduler=plateau | one_cycle\n" in answer.stdout
    assert "\n  val_folder: null         # name or index of the folder to validate on\n" in answer.stdout


def test_errors_are_told_without_a_traceback(tmp_path):
    answer = call("predict", "input=nothing", "ckpt=nowhere.ckpt", folder=tmp_path)
    assert answer.returncode == 1
    assert "nowhere.ckpt: no such checkpoint" in answer.stderr and "Traceback" not in answer.stderr


def test_what_the_system_refuses_is_told_without_a_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    answer = call("dataset_synth", "output_dir=file/set", "images_per_folder=1", "size=64", folder=tmp_path)
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
    assert re.search(r"error: dataset_synth: .*/file: (File exists|Not a directory)", answer.stderr), answer.stderr


def test_a_reader_that_has_seen_enough_ends_the_verb_quietly(tmp_path):
    root = write_plain_folders(tmp_path / "root", folders=400, images=1)  # more than a pipe holds
    command = f"{sys.executable} -m cellmark.cli.main dataset_check data.root={root} format=json | head -c 1"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120)
    assert answer.stdout == "{" and answer.stderr == ""


def test_a_used_run_folder_is_left_as_it_is(tmp_path):
    (tmp_path / "run/.hydra").mkdir(parents=True)
    (tmp_path / "run/.hydra/config.yaml").touch()
    answer = call("train", "data.root=x", "output_dir=run", folder=tmp_path)
    assert answer.returncode == 1 and "already holds a run" in answer.stderr
    assert [path.name for path in (tmp_path / "run").rglob("*")] == [".hydra", "config.yaml"]


def test_a_failing_job_does_not_end_a_sweep(tmp_path):
    answer = call("evaluate", "-m", "ckpt=a.ckpt,b.ckpt", "data.root=x", "output_dir=sweep", folder=tmp_path)
    assert answer.returncode == 1
    assert "a.ckpt: no such checkpoint" in answer.stderr and "b.ckpt: no such checkpoint" in answer.stderr


@pytest.mark.parametrize(
    ("verb", "override"),
    [("train", "+paths.speed=1"), ("dataset_check", "+data.on_eror=skip"), ("evaluate", "+data.rot=1")],
)
def test_keys_beside_the_groups_are_checked_too(verb, override):
    key = override[1:].partition("=")[0].removesuffix(".speed")
    with pytest.raises(CellmarkError, match=f"nothing reads the key {key}"):
        run_verb(verb, composed(verb, override))
