"""What tells one run from another: the columns of a table of runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

Scalar = str | float | int | bool

# Where and how a run is done, what it reads, writes and measures: two runs that differ in nothing else are the same.
LEFT_OUT: tuple[str, ...] = ("hydra", "paths", "launcher", "sweep", "logger", "callbacks", "metrics")
LEFT_OUT += ("output_dir", "ckpt", "data.root", "data.num_workers")
# Told of every run: in a table of runs where some set them and some did not, nobody has to know the defaults.
COMMON = ("seed", "data.size", "data.batch_size", "data.val_folder", "optimizer.lr", "trainer.max_epochs")


def hyperparameters(
    config: Mapping[str, Any], choices: Mapping[str, str | None], overrides: Sequence[str]
) -> dict[str, Scalar]:
    """What a person varies: the option of each config group, the common settings, and what the command line sets.

    Args:
        config: the composed config, resolved, as plain dicts and lists.
        choices: option of each config group as Hydra composed it; None is a group without one. Empty where Hydra was
            not at work: then every value of the config counts.
        overrides: arguments of the command line, in Hydra's grammar.

    Returns:
        Values by dotted key; lists and null are told as text. Keys that are not in the config are left out.
    """
    if not choices:
        return {key: value for key, value in _scalars("", config) if _wanted(key)}
    chosen: dict[str, Scalar] = {
        group: "null" if option is None else option for group, option in choices.items() if _wanted(group)
    }
    keys = [override.key_or_group for override in OverridesParser.create().parse_overrides(list(overrides))]
    for key in (*COMMON, *keys):
        if key not in choices:
            chosen |= {name: value for name, value in _below(key, config) if _wanted(name)}
    return chosen


def _wanted(key: str) -> bool:
    return not any(key == left or key.startswith((f"{left}.", f"{left}/")) for left in LEFT_OUT)


def _below(key: str, config: Mapping[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Every value of a dotted key; none where it is not in the config, as after ``~key``."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return
        value = value[part]
    yield from _scalars(key, value)


def _scalars(key: str, value: Any) -> Iterator[tuple[str, Scalar]]:
    """Every value below a key in a form that can stand in a cell of a table."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _scalars(f"{key}.{name}" if key else str(name), inner)
    elif isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        yield key, value
    else:
        yield key, "null" if value is None else str(value)
