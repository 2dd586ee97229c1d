"""Commands on the pages and in the README: the verbs exist, and their keys compose."""

from functools import cache

import pytest
from hydra.errors import HydraException

from cellmark.cli.configs import refuse_unknown_keys
from cellmark.cli.main import VERBS
from cellmark.errors import CellmarkError
from tests.docs.pages import CHECKOUT, DOCS, Command, command, commands, composed

OWN = DOCS / "extending.md"  # commands with parts that only the page has; `test_extending` runs them
PAGES = [page for page in sorted([CHECKOUT / "README.md", *DOCS.rglob("*.md")]) if page != OWN]


@cache
def check(asked):
    for config in composed(asked):
        refuse_unknown_keys(asked.verb, config)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_commands_compose(page):
    for asked in dict.fromkeys(commands(page)):
        assert asked.verb in VERBS, asked
        check(asked)


def test_commands_are_found_wherever_they_stand(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Say `cellmark train seed=2` or `cellmark VERB --help`; cellmark is a word.\n\n"
        "    cellmark dataset_check data.root=a   # why\n\n"
        "```sh\ncellmark train -m loss=mse,mse_focal \\\n  seed=1 --config-dir b\n"
        "cellmark predict 'input=\"a(1).png\"'\n```\n"
    )
    assert sorted(commands(page)) == [
        Command("dataset_check", ("data.root=a",)),
        Command("predict", ('input="a(1).png"',)),
        Command("train", ("loss=mse,mse_focal", "seed=1")),
        Command("train", ("seed=2",)),
    ]
    assert len(commands(CHECKOUT / "README.md")) > 10 and len(commands(DOCS / "results.md")) == 5


def test_every_value_of_a_sweep_is_composed():
    configs = list(composed(command("train -m loss=mse,mse_focal seed=1,2,3")))
    found = [(config.loss._target_.rpartition(".")[2], config.seed) for config in configs]
    assert found == [("MSELoss", 1), ("WeightedSum", 1), ("MSELoss", 2), ("MSELoss", 3)]
    assert len(list(composed(command("train")))) == 1


@pytest.mark.parametrize(
    "wrong",
    ["train los=mse", "train loss=mean", "train trainer.speed=1", "predict folder=a", "train -m seed=1 a"],
)
def test_a_wrong_command_is_found(wrong):
    with pytest.raises((HydraException, CellmarkError)):
        check(command(wrong))
