"""What tests read off the pages: blocks of code, and the commands in them."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from cellmark.cli import configs
from cellmark.cli.main import named_input

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
FENCED = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"^\s*(?:python -m )?cellmark (.+)$", re.MULTILINE)
ALONE = {"-m", "--multirun", "--help", "-h", "--version"}
WITH_VALUE = {"--cfg", "--config-dir"}


class Command(NamedTuple):
    """A command line: its verb and its keys."""

    verb: str
    keys: tuple[str, ...]

    def __str__(self):
        return " ".join([self.verb, *self.keys])


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title and text of every fenced block."""
    return [(m[1], m[2] or "", m[3]) for m in FENCED.finditer(page.read_text())]


def commands(page: Path) -> list[Command]:
    """Every ``cellmark VERB key=value ...`` on a page; a word in capitals stands for any verb."""
    found = (command(m[1]) for text in _code(page.read_text()) for m in COMMAND.finditer(text.replace("\\\n", " ")))
    return [each for each in found if each is not None]


def command(line: str) -> Command | None:
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    if not words or words[0].isupper() or words[0] in ALONE:
        return None
    keys = iter(words[1:])
    kept = []
    for word in keys:
        if word in WITH_VALUE:
            next(keys)
        elif word not in ALONE and word != "key=value":
            kept.append(word)
    return Command(words[0], tuple(named_input(kept) if words[0] == "read" else kept))


def composed(asked: Command, *more: str) -> Iterator[DictConfig]:
    """The config of a command; of a sweep one for each value of each key."""
    configs.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(configs.config_folder()), version_base="1.3"):
        for keys in single_jobs(asked.keys):
            yield compose(asked.verb, [*keys, *more])


def single_jobs(keys: Sequence[str]) -> list[list[str]]:
    """The first job of a sweep, and those that differ from it in one key."""
    choices = []
    for override in OverridesParser.create().parse_overrides(list(keys)):
        name = override.input_line.partition("=")[0]
        swept = override.is_sweep_override()
        values = [f"{name}={value}" for value in override.sweep_string_iterator()] if swept else [override.input_line]
        choices.append(values)
    first = [values[0] for values in choices]
    others = [[*first[:k], value, *first[k + 1 :]] for k, values in enumerate(choices) for value in values[1:]]
    return [first, *others]


def _code(text: str) -> Iterator[str]:
    rest = FENCED.sub("\n", text)
    yield from (m[3] for m in FENCED.finditer(text))
    yield from (m[0] for m in INDENTED.finditer(rest))
    yield from (m[1] for m in INLINE.finditer(INDENTED.sub("\n", rest)))
