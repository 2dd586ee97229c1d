"""Which keys of a run's config only repeat others: these are no difference of their own between two runs."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cellmark.errors import CellmarkError
from cellmark.runs.equality import MISSING, same

Key = tuple[str, ...]  # names on the way down to a value of the config

_OTHER_KEY = re.compile(r"\$\{[^:}]+\}")  # ${seed}, also inside of ${len:${task.classes}}; but not ${oc.env:HOME}


def derived_keys(folder: Path) -> dict[Key, str]:
    """Keys of which a person has set nothing: the run's folder, and what is made of other keys.

    ``.hydra/config.yaml`` still says so, as in ``dirpath: ${output_dir}/checkpoints``. In a run that Hydra did not
    compose, only what repeats ``output_dir`` can be told.

    Args:
        folder: of the run.

    Returns:
        How each is made, as in ``run-${seed}``: of two runs that is a difference if it is not the same text. The run's
        folder is left out of it.

    Raises:
        CellmarkError: a config in it cannot be read.
    """
    composed = folder / ".hydra/config.yaml"
    if composed.is_file():
        made = {key: str(value) for key, value in _values(_read(composed)) if _OTHER_KEY.search(str(value))}
        return {key: text.replace("${output_dir}", "") for key, text in made.items()} | {("output_dir",): ""}
    content = _read(folder / "config.yaml")
    own = str(content.get("output_dir", folder))
    texts = {key: str(value) for key, value in _values(content)}
    return {key: text.removeprefix(own) for key, text in texts.items() if text == own or text.startswith(f"{own}/")}


def without_copies(found: Mapping[Key, list[Any]]) -> dict[Key, list[Any]]:
    """Leaves out keys that look like copies; of a key and its copies the one nearest to the top stays.

    A copy has the same value in every run, and ends in the same name. Numbers are often the same by chance: a copy of
    a number ends in the whole key, as ``data.seed`` does beside ``seed``.

    Args:
        found: keys with a value for each run.
    """
    kept: dict[Key, list[Any]] = {}
    for key in sorted(found, key=len):
        if not any(_is_copy(key, found[key], other, values) for other, values in kept.items()):
            kept[key] = found[key]
    return {key: values for key, values in found.items() if key in kept}


def _is_copy(key: Key, values: list[Any], other: Key, others: list[Any]) -> bool:
    telling = any(isinstance(value, str | list | Mapping) for value in values)
    end = other[-1:] if telling else other
    return key[-len(end) :] == end and all(map(same, values, others))


def value_at(config: Mapping[Any, Any], key: Key) -> Any:
    """What a config has under a key, `MISSING` if it has no such key."""
    value: Any = config
    for name in key:
        value = entries(value).get(name, MISSING)
    return value


def entries(node: Any) -> dict[str, Any]:
    """The entries of a mapping, by name; none of anything else."""
    return {str(name): value for name, value in node.items()} if isinstance(node, Mapping) else {}


def _read(path: Path) -> dict[str, Any]:
    """The config with its interpolations as they are written."""
    try:
        return cast(dict[str, Any], OmegaConf.to_container(cast(DictConfig, OmegaConf.load(path)), resolve=False))
    except (OSError, UnicodeError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise CellmarkError(f"{path}: cannot be read: {error}") from error


def _values(content: Mapping[Any, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Every value with its key; a list counts as one value."""
    for name, value in entries(content).items():
        key = (*above, name)
        if isinstance(value, Mapping):
            yield from _values(value, key)
        else:
            yield key, value
