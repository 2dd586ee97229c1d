"""The page about extending: each of its examples is put where it says, and trained with."""

import importlib
import logging
import re
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hydra.utils import instantiate

from cellmark.cli.configs import refuse_unknown_keys
from cellmark.cli.job import run_verb
from cellmark.tasks.checkpoint import load_checkpoint
from tests.docs.pages import DOCS, Command, blocks, commands, composed

PAGE = DOCS / "extending.md"
GROUPS = ("backbone", "decoder", "loss", "augment", "callbacks")
SHORT = (
    *("trainer.max_epochs=1", "+trainer.limit_train_batches=1", "+trainer.limit_val_batches=1"),
    *("trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "data.size=[64,64]", "data.batch_size=2"),
    *("data.num_workers=0", "callbacks.progress=null", "callbacks.pictures=null", "callbacks.curves=null"),
    "callbacks.energy=null",
)


class Example(NamedTuple):
    """A class and a YAML file, each with the place that the page gives it."""

    file: str
    text: str
    config: str
    content: str

    @property
    def module(self):
        return self.file.removeprefix("src/").removesuffix(".py").replace("/", ".")

    @property
    def target(self):
        name = re.search(r"^class (\w+)", self.text, re.MULTILINE)[1]
        return f"{self.module}.{name}"

    @property
    def group(self):
        return self.config.split("/")[1]

    @property
    def option(self):
        return self.config.split("/")[2].removesuffix(".yaml")


def examples():
    files = [(language, title, text) for language, title, text in blocks(PAGE) if title]
    assert [language for language, *_ in files] == ["python", "yaml"] * len(GROUPS)
    pairs = zip(files[::2], files[1::2], strict=True)
    return {e.group: e for e in (Example(*source[1:], *config[1:]) for source, config in pairs)}


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Puts an example into folders that lie beside those of the package and of the configs."""
    modules = []

    def into(example):
        for name, written in ((example.file, example.text), (example.config, example.content)):
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(written)
        package = importlib.import_module(example.module.rpartition(".")[0])
        monkeypatch.setattr(package, "__path__", [*package.__path__, str((tmp_path / example.file).parent)])
        modules.append(example.module)
        return f"hydra.searchpath=[file://{tmp_path / 'conf'}]"

    yield into
    for module in modules:
        sys.modules.pop(module, None)


def asked_with(example):
    return [asked for asked in commands(PAGE) if f"{example.group}={example.option}" in asked.keys]


def test_every_kind_of_part_has_its_example_and_its_commands():
    assert tuple(examples()) == GROUPS
    asked = [asked_with(example) for example in examples().values()]
    assert all(asked) and {each for few in asked for each in few} == {each for each in commands(PAGE) if each.keys}


@pytest.mark.parametrize("group", GROUPS)
def test_one_class_and_one_yaml_file_are_all(group, put, plain_root, tmp_path, caplog):
    example = examples()[group]
    search = put(example)
    caplog.set_level(logging.INFO)
    first, *others = asked_with(example)
    (config,) = composed(first, search, *SHORT, f"output_dir={tmp_path}/run", f"data.root={plain_root}")
    assert run_verb(first.verb, config) == 0
    check_at_work(example, tmp_path / "run", caplog)
    for asked in others:
        (config,) = composed(asked, search)
        refuse_unknown_keys(asked.verb, config)
        assert example.target in str(config)


def check_at_work(example, folder, caplog):
    """Each part leaves a mark of its own."""
    assert example.target in (folder / "config.yaml").read_text()
    model = load_checkpoint(folder / "checkpoints/last.ckpt")
    name = example.target.rpartition(".")[2]
    if example.group in ("backbone", "decoder"):
        assert type(getattr(model.network, example.group)).__name__ == name
    elif example.group == "loss":
        assert "train/loss_absolute" in (folder / "metrics.csv").read_text().partition("\n")[0]
    elif example.group == "callbacks":
        assert "0 epochs to come" in caplog.text


def test_the_augmentation_darkens_rows(put):
    search = put(examples()["augment"])
    (config,) = composed(Command("train", ("augment=stripes",)), search)
    stripes = instantiate(config.augment).compose.transforms[1]
    stripes.p, picture = 1.0, np.full((200, 30, 3), 200, np.uint8)
    found = stripes(image=picture)["image"]
    dark = (found == 100).all(axis=(1, 2))
    assert 0 < dark.sum() < 40 and (found[~dark] == 200).all()
