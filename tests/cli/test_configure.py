import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

import cellmark
from cellmark.cli import configure
from cellmark.cli.configs import config_folder
from cellmark.cli.questions import QUESTIONS, explanation, read_questions
from cellmark.errors import CellmarkError
from cellmark.losses.mse import MSELoss
from cellmark.models import timm_backbone
from tests.cli.test_main import composed, options

PARTS = {"backbone": "compact", "mode": "unified", "loss": "mse", "augment": "none"}


class Terminal(io.StringIO):
    """Typed lines; a line of ^C is Ctrl-C."""

    def isatty(self):
        return True

    def readline(self, *arguments):
        line = super().readline(*arguments)
        if line == "^C\n":
            raise KeyboardInterrupt
        return line


class NeedsEmbedding(MSELoss):
    """A loss for a head that no network of the project has."""

    needs = ("heatmap", "embedding")


@pytest.fixture
def own(tmp_path):
    """A folder of configs whose name has everything that needs quotes somewhere."""
    return tmp_path / "my, 'own' \"conf\"=a"


def run(folder, **keys):
    given = dict.fromkeys(("name", *QUESTIONS)) | {"config_dir": str(folder)} | keys
    return configure.run(**given)


def type_in(monkeypatch, *lines, end="\n"):
    monkeypatch.setattr(sys, "stdin", Terminal("\n".join(lines) + end))


def choices(*overrides):
    """What Hydra says it chose for a training."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        chosen = compose("train", list(overrides), return_hydra_config=True).hydra.runtime.choices
    return {group: chosen[group] for group in QUESTIONS}


def default(group):
    return choices()[group]


def written(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(("group", "option"), [(group, option) for group in QUESTIONS for option in options(group)])
def test_every_option_is_explained(group, option):
    text = explanation(config_folder() / group / f"{option}.yaml")
    assert len(text) > 10, f"conf/{group}/{option}.yaml needs a comment at the top whose first sentence explains it"


def test_an_explanation_is_the_first_sentence_of_the_comment_at_the_top(tmp_path):
    for text, expected in {
        "# @package _global_\n# Two maps.\n# More.\na: 1\n": "Two maps.",
        "\n#\n#   One. \na: 1\n": "One.",
        "# One, two\n# and 3.5. Four.\n": "One, two and 3.5.",
        "# No stop\n\n# Another.\n": "No stop",
        "a: 1\n# Too late.\n": "",
        "": "",
    }.items():
        write(tmp_path / "a.yaml", text)
        assert explanation(tmp_path / "a.yaml") == expected


def test_the_defaults_are_those_of_train_and_every_option_is_there(tmp_path):
    write(tmp_path / "backbone/mine.yaml", "# My own.\n")
    questions = read_questions([config_folder(), tmp_path])
    assert {question.group: question.default for question in questions} == choices()
    assert {q.group: list(q.options) for q in questions if q.group != "backbone"} == {
        group: options(group) for group in ("mode", "loss", "augment")
    }
    assert questions[0].options.keys() == {*options("backbone"), "mine"}
    assert questions[0].options["mine"] == "My own."


def test_keys_answer_without_a_terminal(own, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run(own, name="first", **PARTS) == 0
    (file,) = own.rglob("*.yaml")
    assert file == own / "experiment/first.yaml"
    first, second, *_ = file.read_text().splitlines()
    assert first == "# @package _global_" and "unified" in second and second == f"# {explanation(file)}"
    assert choices("experiment=first", f"hydra.searchpath=[{hydra_quoted(own)}]") == PARTS
    answer = subprocess.run(
        ["bash", "-c", f'printf "%s\\n" {capsys.readouterr().out.splitlines()[-1]}'], capture_output=True, text=True
    )
    line = f"cellmark|train|--config-dir|{own}|experiment=first|data.root=FOLDER|data.val_folder=NAME"
    assert answer.stdout.splitlines() == line.split("|")


def hydra_quoted(folder):
    escaped = str(folder).replace("'", r"\'")
    return f"'file://{escaped}'"


def test_the_name_of_the_run_is_that_of_the_experiment(tmp_path):
    run(tmp_path, name="off", **PARTS)  # YAML 1.1 would read a bare `off` as false
    assert OmegaConf.load(tmp_path / "experiment/off.yaml").name == "off"
    config = composed("train", "experiment=off", f"hydra.searchpath=[{hydra_quoted(tmp_path)}]", "data.root=x")
    assert config.name == "off" and config.task.classes == ["cell"] and config.data.augment.transforms == []


def test_a_person_is_asked_again_until_the_answer_is_right(own, capsys, monkeypatch):
    names = options("backbone")
    number = str(names.index("compact") + 1)
    type_in(monkeypatch, str(len(names) + 1), "0", "[/b]compac", number, "unified", "", " none ", "demo", "a b", "mine")
    assert run(own) == 0
    made = choices("experiment=mine", f"hydra.searchpath=[{hydra_quoted(own)}]")
    assert made == PARTS | {"loss": default("loss")}
    text = capsys.readouterr().out
    assert text.count(f"give a number from 1 to {len(names)}") == 3 and "[/b]compac" in text
    assert text.count("already there") == 1 and text.count("at most 100 letters") == 1
    for group in QUESTIONS:
        block = text.partition(QUESTIONS[group])[2].partition(f"{group} [")[0]
        rows = re.findall(r"^ {0,3}(\d+) +(\S+)", block, re.MULTILINE)
        assert rows == [(str(i), name) for i, name in enumerate(options(group), start=1)]
        assert block.count("(default)") == 1 and f"{default(group)} (default)" in block
        words = " ".join(explanation(config_folder() / group / f"{default(group)}.yaml").split()[:2])
        assert words in block


def test_what_is_given_is_not_asked(tmp_path, capsys, monkeypatch):
    type_in(monkeypatch, "", "")
    assert run(tmp_path, **PARTS | {"mode": None}) == 0
    text = capsys.readouterr().out
    assert QUESTIONS["mode"] in text and not any(QUESTIONS[group] in text for group in ("backbone", "loss", "augment"))
    assert written(tmp_path) == [f"compact-{default('mode')}-mse-none.yaml"]


def test_without_a_terminal_the_missing_keys_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n" * 9))
    with pytest.raises(CellmarkError, match=r"not a terminal.* give loss=\.\.\. name=\.\.\.$"):
        run(tmp_path, **PARTS | {"loss": None})
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CellmarkError, match=r"not a terminal.* give name=\.\.\.$"):
        run(tmp_path, **PARTS)
    assert written(tmp_path) == []


@pytest.mark.parametrize("lines", [[], ["1"], ["1", "1", "1", "1"]])
def test_an_input_that_ends_is_an_error(tmp_path, monkeypatch, lines):
    type_in(monkeypatch, *lines, end="\n" if lines else "")
    with pytest.raises(CellmarkError, match=r"input ended.*backbone=\.\.\. mode=.*name=\.\.\.$"):
        run(tmp_path)
    assert written(tmp_path) == []


def test_ctrl_c_writes_nothing(tmp_path, capsys, monkeypatch):
    type_in(monkeypatch, "1", "^C")
    assert run(tmp_path) == 130
    assert "stopped: nothing was written" in capsys.readouterr().err and written(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".a", "-a", "a/b", "../a", "a b", "a\n", "é", "a.yaml", "a" * 101, 1, 1.5, True, "1e3", "null"],
)
def test_names_that_cannot_be_are_refused(tmp_path, name):
    with pytest.raises(CellmarkError, match=re.escape(f"name={name}: ")):
        run(tmp_path, name=name, **PARTS)
    assert written(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "A_1", "2024-11-21", "007", "a.b-c_d", "a" * 100])
def test_hydra_reads_accepted_names_as_they_are(tmp_path, name):
    assert configure.check_name(tmp_path, name) == name
    write(tmp_path / f"experiment/{name}.yaml", configure.experiment(name, PARTS))
    assert choices(f"experiment={name}", f"hydra.searchpath=[{hydra_quoted(tmp_path)}]") == PARTS


def test_an_experiment_is_never_overwritten(tmp_path):
    run(tmp_path, name="a", **PARTS)
    before = (tmp_path / "experiment/a.yaml").read_bytes()
    for name, file in {"a": tmp_path / "experiment/a.yaml", "demo": config_folder() / "experiment/demo.yaml"}.items():
        with pytest.raises(CellmarkError, match=re.escape(f"{file}: already there")):
            run(tmp_path, name=name, **PARTS | {"mode": "separated"})
    assert written(tmp_path) == ["a.yaml"] and (tmp_path / "experiment/a.yaml").read_bytes() == before


def test_unknown_options_are_refused_with_those_there_are(tmp_path):
    with pytest.raises(CellmarkError, match=r"loss=msee: there are .*mse"):
        run(tmp_path, name="a", **PARTS | {"loss": "msee"})


@pytest.mark.parametrize(
    ("group", "text", "reason"),
    [
        ("backbone", "_target_: cellmark.models.compact.CompactBackbone\nwidths: [8]\nblocks: [0, 1]", "of one length"),
        ("loss", f"_target_: {__name__}.NeedsEmbedding", r"embedding.*the network has \['heatmap'\]"),
        ("mode", "classes: [cell]\nvisibility_to_class: {1: white}", "white"),
        ("mode", "# @package _global_\ncolour: red", "nothing reads the key colour"),
        ("augment", "_target_: cellmark.data.augment.Augment\ntransforms: ${nowhere}", "nowhere"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(own, group, text, reason):
    write(own / group / "odd.yaml", text)
    with pytest.raises(CellmarkError, match=f"(?s)do not fit together.*{reason}"):
        run(own, name="a", **PARTS | {group: "odd"})
    assert written(own) == ["odd.yaml"]


def test_the_check_fetches_no_weights_and_leaves_the_running_app_alone(tmp_path, monkeypatch):
    asked = []
    create = timm_backbone.timm.create_model

    def spy(name, pretrained=False, **options):
        asked.append(pretrained)
        return create(name, pretrained=pretrained, **options)

    monkeypatch.setattr(timm_backbone.timm, "create_model", spy)
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        running = GlobalHydra.instance().hydra
        run(tmp_path, name="a", **PARTS | {"backbone": "resnet18"})
        assert GlobalHydra.instance().hydra is running and compose("train").name == "cells"
    assert asked == [False]
    assert OmegaConf.load(tmp_path / "experiment/a.yaml").defaults[0] == {"override /backbone": "resnet18"}


def test_an_installed_package_is_never_written_into(tmp_path, monkeypatch):
    assert configure.target_folder(None) == config_folder()
    assert configure.command("a", config_folder()).startswith("cellmark train experiment=a ")
    site = tmp_path / "site/cellmark"
    shutil.copytree(config_folder(), site / "conf")
    monkeypatch.setattr(cellmark, "__file__", str(site / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert configure.target_folder(None) == Path("conf")
    assert run(None, name="a", **PARTS | {"config_dir": None}) == 0
    assert written(tmp_path / "conf") == ["a.yaml"] and not (site / "conf/experiment/a.yaml").exists()
    with pytest.raises(CellmarkError, match="inside the installed package"):
        run(site / "conf", name="b", **PARTS)
    monkeypatch.chdir(site)
    with pytest.raises(CellmarkError, match="inside the installed package"):
        run(None, name="b", **PARTS | {"config_dir": None})


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    write(tmp_path / "file", "")
    with pytest.raises(CellmarkError, match=r"file/experiment/a\.yaml: cannot be written"):
        run(tmp_path / "file", name="a", **PARTS)
