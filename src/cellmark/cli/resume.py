"""The configuration of a run that goes on: its own, which is never edited, and what may be another this time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from cellmark.errors import CellmarkError
from cellmark.runs.record import CONFIG

LAST = "last"
# What a run does not depend on, or what prolongs it: where data and devices are, what is logged, when it ends.
CHANGEABLE = ("trainer.", "callbacks.", "logger.", "data.root", "data.num_workers", "hydra.")
# Keys of the trainer that make other steps or other validations of it.
KEPT = ("precision", "gradient_clip", "accumulate_grad", "limit_", "overfit_", "val_check", "check_val", "max_steps")


def continued(composed: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The saved configuration of the run in ``composed.output_dir``, with those overrides that a resume may bring.

    Paths within the run folder are those of where it lies now. Keys at the top that the run's version of cellmark did
    not have get what ``composed`` has.

    Args:
        composed: what the command line gives, with ``ckpt=last``.
        overrides: the keys given on the command line.

    Raises:
        CellmarkError: there is no run, ``ckpt`` is not ``last``, or an override would make it another run.
    """
    if composed.ckpt != LAST:
        told = "ckpt=last goes on with the run in output_dir; weights.ckpt=FILE begins a new run with its weights"
        raise CellmarkError(f"ckpt={composed.ckpt}: {told}")
    folder = Path(str(composed.output_dir)).resolve()
    path = folder / CONFIG
    if not path.is_file():
        raise CellmarkError(f"{folder}: no run to go on with; name its folder with output_dir=")
    saved = OmegaConf.to_container(OmegaConf.load(path))
    config = OmegaConf.create(_moved(saved, str(cast(Any, saved)["output_dir"]), str(folder)))
    for key in composed:
        if key not in config:
            config[key] = composed[key]
    own = _own_overrides(folder)
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        _apply(config, override, own)
    return cast(DictConfig, OmegaConf.merge(config, {"output_dir": str(folder), "ckpt": LAST}))


def _apply(config: DictConfig, override: Override, own: Sequence[str]) -> None:
    key = override.get_key_element().lstrip("+~")
    if key in ("ckpt", "output_dir"):
        return
    if not key.startswith(CHANGEABLE) or key.startswith(tuple(f"trainer.{name}" for name in KEPT)):
        if override.input_line in own:
            return
        raise CellmarkError(
            f"{override.input_line}: a run that goes on keeps its configuration, but for single keys of "
            f"{', '.join(CHANGEABLE)}, such as trainer.devices=2; "
            "for another one name a new output_dir, and weights.ckpt to begin with the weights of this one"
        )
    OmegaConf.update(config, key, None if override.is_delete() else override.value(), force_add=override.is_add())


def _own_overrides(folder: Path) -> list[str]:
    """What the run was started with: the same command again, with ``ckpt=last``, is a resume too."""
    path = folder / ".hydra/overrides.yaml"
    overrides = list(yaml.safe_load(path.read_text())) if path.is_file() else []
    # Of a run begun from Python it is the first resume that Hydra wrote down there.
    return [] if f"ckpt={LAST}" in overrides else overrides


def _moved(node: Any, old: str, new: str) -> Any:
    """``node`` with every path in the folder ``old`` as one in ``new``."""
    if isinstance(node, dict):
        return {key: _moved(value, old, new) for key, value in node.items()}
    if isinstance(node, list):
        return [_moved(value, old, new) for value in node]
    inside = isinstance(node, str) and (node == old or node.startswith(f"{old}/"))
    return new + node[len(old) :] if inside else node
