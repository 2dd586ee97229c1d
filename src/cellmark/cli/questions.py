"""The questions of the set-up: options, explanations and defaults from the YAML files, answers from a terminal."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cellmark.cli.configs import config_folder
from cellmark.errors import CellmarkError

QUESTIONS = {  # by the group of configs that answers it, in the order in which they are asked
    "backbone": "Which network looks at the picture?",
    "mode": "Which cells are told apart?",
    "loss": "What does training make small?",
    "augment": "How are training samples varied?",
}


@dataclass(frozen=True)
class Question:
    """What to ask about a group of configs.

    Attributes:
        group: name of the group, and of the key that answers the question.
        options: name of each config of the group -> its explanation.
        default: the option that ``cellmark train`` takes by itself.
    """

    group: str
    options: dict[str, str]
    default: str


def read_questions(folders: Sequence[Path]) -> list[Question]:
    """The questions with every option that one of ``folders`` holds; of two with the same name, the first counts."""
    content = OmegaConf.load(config_folder() / "train.yaml")
    defaults = {str(k): str(v) for e in content.defaults if isinstance(e, DictConfig) for k, v in e.items()}
    questions = []
    for group in QUESTIONS:
        files = [file for folder in reversed(folders) for file in (folder / group).glob("*.yaml")]
        options = {file.stem: explanation(file) for file in files}
        questions.append(Question(group, dict(sorted(options.items())), defaults[group]))
    return questions


def explanation(file: Path) -> str:
    """The first sentence of the comment at the top of a YAML file, Hydra's ``@package`` aside; empty without one."""
    words: list[str] = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        text = line.lstrip("#").strip()
        if (text and not line.startswith("#")) or (words and not text):
            break
        if not text.startswith("@"):
            words += text.split()
    end = next((index for index, word in enumerate(words, start=1) if word.endswith(".")), None)
    return " ".join(words[:end])


def check_option(question: Question, name: str) -> str:
    """Returns ``name``.

    Raises:
        CellmarkError: the group has no such option.
    """
    if name not in question.options:
        raise CellmarkError(f"{question.group}={name}: there are {', '.join(question.options)}")
    return name


def ask_option(question: Question, console: Console) -> str:
    """Lists the options and asks until the answer is the name or the number of one; Enter takes the default."""
    names = list(question.options)
    table = Table.grid(padding=(0, 2), pad_edge=True)
    for number, name in enumerate(names, start=1):
        mark = Text(" (default)" if name == question.default else "", "green")
        table.add_row(str(number), Text(name, "bold") + mark, Text(question.options[name]))
    console.print(Text(f"\n{QUESTIONS[question.group]}", "bold cyan"), table, sep="\n")
    numbers = {str(number): name for number, name in enumerate(names, start=1)}

    def accept(answer: str) -> str:
        if answer in names:
            return answer
        if answer not in numbers:
            raise CellmarkError(f"{answer!r}: give a number from 1 to {len(names)}, or the name of an option")
        return numbers[answer]

    return ask(question.group, question.default, accept, console)


def ask(label: str, default: str, accept: Callable[[str], str], console: Console) -> str:
    """Asks until ``accept`` does not raise a ``CellmarkError``, whose text is the reason to ask again.

    Raises:
        EOFError: the input ended.
    """
    prompt = Text.assemble((label, "bold"), (f" [{default}]", "green"), ": ")
    while True:
        answer = console.input(prompt).strip() or default
        try:
            return accept(answer)
        except CellmarkError as error:
            console.print(Text(f"  {error}", "red"))


def refuse_without_terminal(keys: Sequence[str]) -> None:
    """Checks that somebody can be asked.

    Raises:
        CellmarkError: standard input is not a terminal; tells the ``keys`` to give.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise CellmarkError(f"standard input is not a terminal to ask at; give {as_keys(keys)}")


def as_keys(keys: Sequence[str]) -> str:
    """``a=... b=...``: how a person would give the keys."""
    return " ".join(f"{key}=..." for key in keys)
