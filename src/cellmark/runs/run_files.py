"""Files of a run's folder as they are read: what is not a training's is told by its name."""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cellmark.errors import CellmarkError


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table that is written line by line; none where it is not there, nor of a line that is cut off.

    Raises:
        CellmarkError: not a table.
    """
    if not path.is_file():
        return []
    content = path.read_bytes()
    try:
        lines = content[: content.rfind(b"\n") + 1].decode().splitlines()
        table = csv.DictReader(lines, restkey="", restval="")
        return [{key: value for key, value in row.items() if key} for row in table]
    except (UnicodeError, csv.Error) as error:
        raise CellmarkError(f"{path}: not a table: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one where the file is not there.

    Raises:
        CellmarkError: not JSON, or another thing than an object.
    """
    if not path.is_file():
        return {}
    try:
        return mapping(path, json.loads(path.read_bytes()))
    except (UnicodeError, json.JSONDecodeError) as error:
        raise CellmarkError(f"{path}: not JSON: {error}") from error


def read_yaml(path: Path) -> Any:
    """What a file says, whatever it is.

    Raises:
        CellmarkError: not YAML.
    """
    try:
        return yaml.safe_load(path.read_bytes())
    except (UnicodeError, yaml.YAMLError) as error:
        raise CellmarkError(f"{path}: not YAML: {error}") from error


def read_config(path: Path, folder: Path) -> dict[str, Any]:
    """A composed config; its run lies in ``folder`` now.

    Where an interpolation has no answer, which is why the run failed, all of them are left as they are written.

    Raises:
        CellmarkError: it cannot be read, or is not that of a training.
    """
    try:
        loaded = OmegaConf.load(path)
    except (OSError, UnicodeError, yaml.YAMLError, OmegaConfBaseException) as error:
        raise CellmarkError(f"{path}: cannot be read: {error}") from error
    if not isinstance(loaded, DictConfig):
        raise CellmarkError(f"{path}: not the config of a training: a list")
    loaded["output_dir"] = str(folder)
    try:
        config = OmegaConf.to_container(loaded, resolve=True)
    except OmegaConfBaseException:
        config = OmegaConf.to_container(loaded, resolve=False)
    for key in ("monitor", "mode"):
        value_in(path, config, "task", key)
    return cast(dict[str, Any], config)


def mapping(path: Path, value: Any) -> dict[str, Any]:
    """The value, which must have keys.

    Raises:
        CellmarkError: it has none.
    """
    if not isinstance(value, dict):
        raise CellmarkError(f"{path}: not that of a training: {_kind(value)} where keys are expected")
    return value


def value_in(path: Path, content: Any, *keys: str) -> Any:
    """The value under keys, from the top down.

    Raises:
        CellmarkError: there is none.
    """
    for key in keys:
        if not isinstance(content, Mapping) or key not in content:
            raise CellmarkError(f"{path}: not that of a training: no {'.'.join(keys)}")
        content = content[key]
    return content


def number(path: Path, name: str, value: Any) -> float | None:
    """A number that could be measured; None for null and for what is not finite.

    Raises:
        CellmarkError: another thing than a number.
    """
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError("a truth value")
        size = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise CellmarkError(f"{path}: {name} is {value!r}, not a number") from error
    return size if math.isfinite(size) else None


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
