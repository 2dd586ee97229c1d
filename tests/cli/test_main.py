import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import OmegaConf

from cellmark.cli import main as cli
from cellmark.errors import CellmarkError

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


def composed(verb, *overrides):
    cli.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(cli.config_folder()), version_base="1.3"):
        return compose(verb, list(overrides))


def options(group):
    return sorted(path.stem for path in (cli.config_folder() / group).glob("*.yaml"))


def test_every_verb_has_a_config_a_module_and_a_script():
    for verb in cli.VERBS:
        assert (cli.config_folder() / f"{verb}.yaml").is_file()
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
    cli.refuse_unknown_keys("train", config)


def test_a_key_that_nothing_reads_is_an_error():
    config = composed("predict", "input=a", "ckpt=b", "+colour=red")
    with pytest.raises(CellmarkError, match="nothing reads the key colour"):
        cli.run_verb("predict", config)


def test_needed_keys_are_named():
    with pytest.raises(CellmarkError, match=r"needs ckpt=\.\.\. input=\.\.\."):
        cli.run_verb("predict", composed("predict"))


@pytest.mark.parametrize(
    "override",
    ["+trainer.speed=1", "+loss.weight=2", "+backbone.depth=3", "+task.codec.sigmas=1", "+data.rot=1"],
)
def test_a_key_inside_a_group_that_nothing_reads_is_an_error(override, plain_root, tmp_path):
    config = composed("train", f"data.root={plain_root}", "data.val_folder=0", f"output_dir={tmp_path}", override)
    with pytest.raises(Exception, match="unexpected keyword argument"):
        cli.run_verb("train", config)
    assert not (tmp_path / "summary.json").exists()


def call(*arguments, folder=None):
    command = [sys.executable, "-m", "cellmark.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_the_command_lists_its_verbs():
    answer = call("--help")
    assert answer.returncode == 0 and all(verb in answer.stdout for verb in cli.VERBS)
    assert call("fly").returncode == 2


def test_errors_are_told_without_a_traceback(tmp_path):
    answer = call("predict", "input=nothing", "ckpt=nowhere.ckpt", folder=tmp_path)
    assert answer.returncode == 1
    assert "nowhere.ckpt: no such checkpoint" in answer.stderr and "Traceback" not in answer.stderr


def test_a_used_run_folder_is_left_as_it_is(tmp_path):
    (tmp_path / "run/.hydra").mkdir(parents=True)
    answer = call("train", "data.root=x", "output_dir=run", folder=tmp_path)
    assert answer.returncode == 1 and "already holds a run" in answer.stderr
    assert [path.name for path in (tmp_path / "run").rglob("*")] == [".hydra"]


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
        cli.run_verb(verb, composed(verb, override))
