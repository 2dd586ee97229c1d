"""Where the configs lie, and which keys a verb reads."""

import os
from itertools import count
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

import cellmark
from cellmark.errors import CellmarkError
from cellmark.runs.rank import is_first_process

GLOBAL_GROUPS = {"paths", "experiment", "sweep", "launcher"}  # their content lands at the top level


def config_folder() -> Path:
    """The configs inside an installed package, or else at the top of the checkout."""
    package = Path(cellmark.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def register_resolvers() -> None:
    """Makes two functions known to OmegaConf.

    ``${len:LIST}`` is the number of entries of a list of the config, ``${unused:FOLDER,NAME}`` the name, or one below
    it where the folder has that already: what Hydra writes about a resumed run stands beside what it wrote at first.
    """
    OmegaConf.register_new_resolver("len", len, replace=True)
    OmegaConf.register_new_resolver("unused", _unused, replace=True)


def _unused(folder: str, name: str) -> str:
    if not is_first_process():  # another one of the same run, which a scheduler has started
        return f"{name}/process_{os.getpid()}"
    if not (Path(folder) / "config.yaml").exists() and not (Path(folder) / name / "config.yaml").exists():
        return name
    resumed = (f"{name}/resumed_{number}" for number in count(1))
    return next(one for one in resumed if not (Path(folder) / one / "config.yaml").exists())


def refuse_unknown_keys(verb: str, config: DictConfig) -> None:
    """Checks that ``conf/VERB.yaml`` names every key; what Hydra builds from a ``_target_`` checks its own keys.

    Raises:
        CellmarkError: a key that nothing reads.
    """
    known = _known_keys(verb)
    unknown = [str(key) for key in config if key not in known]
    for key, names in known.items():
        if names is not None:
            if not isinstance(config[key], DictConfig):
                raise CellmarkError(f"{key}={config[key]}: it has keys of its own: {', '.join(sorted(names))}")
            unknown += [f"{key}.{name}" for name in map(str, config[key]) if name not in names]
    if unknown:
        raise CellmarkError(f"nothing reads the key {', '.join(unknown)}; there are {', '.join(sorted(known))}")


def _known_keys(verb: str) -> dict[str, set[str] | None]:
    """The keys of ``conf/VERB.yaml`` and of the verbs that it builds on, each with the keys below it, if it has any."""
    content = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(config_folder() / f"{verb}.yaml")))
    known: dict[str, set[str] | None] = {}
    for entry in content.pop("defaults", []):
        if isinstance(entry, dict):  # a group, whose keys are checked by what is built from them
            names = {str(key).rpartition("@")[2] for key in entry if not str(key).startswith("override ")}
            known |= dict.fromkeys(names - GLOBAL_GROUPS)
        elif entry != "_self_":
            known |= _known_keys(entry)
    return {key: set(value) if isinstance(value, dict) else None for key, value in content.items()} | known
