"""What differs between the configs of runs: one column for each thing that a person has chosen differently."""

from collections.abc import Mapping, Sequence
from typing import Any

from cellmark.runs.derived import Key, derived_keys, entries, value_at, without_copies
from cellmark.runs.equality import MISSING, alike, differ
from cellmark.runs.record import Run

Columns = dict[str, list[Any]]  # name -> a value for each run
_Found = dict[Key, list[Any]]
_TRAIN_FOLDERS, _VAL_FOLDER = ("data", "train_folders"), ("data", "val_folder")


def differences(runs: Sequence[Run]) -> Columns:
    """The keys in which runs differ, with the value of each run, `MISSING` where it has no such key.

    * A config group of which different options were chosen is a column of its own, such as ``backbone``: compact or
      resnet18. Its keys are columns only where runs of the same option differ in them.
    * So is a part of the config that is built from different classes, by the name of the class.
    * What only repeats another key is left out: see ``derived_keys``. Where Hydra did not compose a config, copies are
      known by their name and their values: see ``without_copies``.
    * The folders that are trained on are no difference of their own where they are all but the one held out.
    * A key that some runs lack and the others leave unset (null) is no difference: an older version had no such key.

    Args:
        runs: at least one.

    Raises:
        CellmarkError: a config cannot be read.
    """
    choices = _choices(runs)
    every = [list(range(len(runs)))]
    found = choices | _Walk(choices, _derived(runs)).columns((), [run.config for run in runs], every)
    if not all(run.choices for run in runs):
        found = without_copies(found)
    if _is_complement(found):
        del found[_TRAIN_FOLDERS]
    return {".".join(key): values for key, values in found.items() if any(map(_is_set, values))}


def _choices(runs: Sequence[Run]) -> _Found:
    """The groups whose option differs, where every run knows its options."""
    if not all(run.choices for run in runs):
        return {}
    groups = dict.fromkeys(group for run in runs for group in run.choices)
    columns = {tuple(group.split("/")): [run.choices.get(group, MISSING) for run in runs] for group in groups}
    return {group: options for group, options in columns.items() if differ(options)}


def _derived(runs: Sequence[Run]) -> set[Key]:
    """Keys that are derived in every run that has them, and in the same way."""
    derived = [derived_keys(run.folder) for run in runs]
    return {
        key
        for key in set().union(*derived)
        if len({own[key] for own in derived if key in own}) == 1
        and all(key in own or value_at(run.config, key) is MISSING for run, own in zip(runs, derived, strict=True))
    }


def _is_complement(found: _Found) -> bool:
    """Whether every run trains on the same folders but for the one that it validates on, as folds do."""
    if not {_TRAIN_FOLDERS, _VAL_FOLDER} <= found.keys():
        return False
    pairs = zip(found[_TRAIN_FOLDERS], found[_VAL_FOLDER], strict=True)
    every = [
        sorted(map(str, [*trained, held_out])) if isinstance(trained, list) else None for trained, held_out in pairs
    ]
    return every[0] is not None and not differ(every)


class _Walk:
    """A walk through all configs at once, from the top down."""

    def __init__(self, choices: _Found, left_out: set[Key]) -> None:
        """Takes the groups whose option differs, which are columns already, and the keys that shall not be columns."""
        self.choices, self.left_out = choices, left_out

    def columns(self, key: Key, nodes: list[Any], parts: list[list[int]]) -> _Found:
        """The columns of a key and of all below it.

        Args:
            key: where in the config.
            nodes: what each run has there.
            parts: numbers of the runs that are compared with each other; runs of different parts may differ.
        """
        if key in self.left_out or not _differ_within(parts, nodes):
            return {}
        kinds = self.choices.get(key) or _classes(nodes)
        found: _Found = {}
        if kinds and _differ_within(parts, kinds):
            found = {} if key in self.choices else {key: kinds}
            parts = [group for part in parts for group in alike(part, kinds)]
        elif not _all_mappings(nodes) or _differ_within(parts, [node is MISSING for node in nodes]):
            return {key: nodes}
        for name in dict.fromkeys(name for node in nodes for name in entries(node)):
            below = [entries(node).get(name, MISSING) for node in nodes]
            found |= self.columns((*key, name), below, parts)
        return found


def _is_set(value: Any) -> bool:
    return value is not None and value is not MISSING


def _differ_within(parts: list[list[int]], values: Sequence[Any]) -> bool:
    return any(differ([values[run] for run in part]) for part in parts)


def _all_mappings(nodes: list[Any]) -> bool:
    return all(isinstance(node, Mapping) for node in nodes if node is not MISSING)


def _classes(nodes: list[Any]) -> list[Any] | None:
    """What is built at a node, by the name of its class; None if nothing is, or the same in each run."""
    targets = [entries(node).get("_target_", MISSING) for node in nodes]
    if not differ(targets):
        return None
    full = [node if target is MISSING else str(target) for node, target in zip(nodes, targets, strict=True)]
    short = [name.rpartition(".")[2] if isinstance(name, str) else name for name in full]
    places = range(len(nodes))
    return short if alike(places, short) == alike(places, full) else full
