"""What a checkpoint holds beside weights, and how it becomes a network again without running foreign code.

When the recipe changes so that this version cannot read what an earlier one wrote, or the other way round:

1. Raise ``FORMAT`` and change ``make_recipe``.
2. In ``read_checkpoint`` turn a recipe of the format before into one of now. Where that cannot be done, leave it
   refused: the message names the version of cellmark that reads it.
3. Keep a run of the version before in ``tests/tasks/data/format_N`` with numbers that its network gave, as there is one
   of format 1, and test that it gives them still.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

import cellmark
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.network import MapNetwork

RECIPE = "cellmark"  # key of a checkpoint under which everything lies that inference needs
FORMAT = 1  # of the recipe; see above when it is to be raised
KEYS = ("network", "codec", "classes", "visibility_to_class", "size")  # of the recipe, beside format and version
WEIGHTS = "network."  # prefix of the network's weights in the task's state


@dataclass(frozen=True)
class Model:
    """A trained network with all that inference needs.

    Attributes:
        network: in evaluation mode, on the CPU.
        codec: reads cells from its maps.
        classes: name of each class.
        visibility_to_class: COCO's v to the name of a class, or to None for "not labelled".
        size: height and width of the input it was trained on.
    """

    network: MapNetwork
    codec: GaussianCodec
    classes: tuple[str, ...]
    visibility_to_class: dict[int, str | None]
    size: tuple[int, int]

    def visibility(self) -> np.ndarray:
        """int64 (C,): COCO's v to write for each class; the smallest where several mean one class."""
        pairs = self.visibility_to_class.items()
        return np.array([min(v for v, name in pairs if name == own) for own in self.classes])


def make_recipe(
    model: DictConfig,
    codec: DictConfig,
    classes: Sequence[str],
    visibility_to_class: Mapping[int, str | None],
    size: Sequence[int],
) -> dict[str, Any]:
    """The plain dictionary that a checkpoint carries; see ``Model``.

    Args:
        model: config of the network.
        codec: config of the codec.
        classes: name of each class.
        visibility_to_class: COCO's v to the name of a class, or to None for "not labelled".
        size: height and width of the network's input.
    """
    network = OmegaConf.to_container(model, resolve=True)
    return {
        "format": FORMAT,
        "version": cellmark.__version__,
        "network": _without_downloads(network),
        "codec": OmegaConf.to_container(codec, resolve=True),
        "classes": list(classes),
        "visibility_to_class": dict(visibility_to_class),
        "size": [int(value) for value in size],
    }


def load_checkpoint(path: str | Path) -> Model:
    """Loads the network of a checkpoint with all that inference needs.

    Raises:
        CellmarkError: see ``read_checkpoint``.
    """
    path = Path(path)
    content = read_checkpoint(path)
    recipe = content[RECIPE]
    network = build(recipe["network"], path)
    weights = {k.removeprefix(WEIGHTS): v for k, v in content["state_dict"].items() if k.startswith(WEIGHTS)}
    fill(network, weights, path)
    return Model(
        network=network.eval(),
        codec=build(recipe["codec"], path),
        classes=tuple(recipe["classes"]),
        visibility_to_class=recipe["visibility_to_class"],
        size=(recipe["size"][0], recipe["size"][1]),
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint of ``cellmark train``; only tensors and plain values are unpickled.

    Raises:
        CellmarkError: no such file, not a checkpoint of this project, or of a format that this version cannot read.
    """
    if not path.is_file():
        raise CellmarkError(f"{path}: no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise CellmarkError(f"{path}: not a checkpoint that can be loaded safely ({_first_line(error)})") from error
    recipe = content.get(RECIPE) if isinstance(content, dict) else None
    if not isinstance(recipe, dict) or not isinstance(content.get("state_dict"), dict):
        raise CellmarkError(f"{path}: not a checkpoint of cellmark train")
    check_format(recipe, FORMAT, path)
    missing = [key for key in KEYS if key not in recipe]
    if missing:
        raise CellmarkError(f"{path}: a damaged checkpoint: its recipe has no {', '.join(missing)}")
    return cast(dict[str, Any], content)


def check_format(described: Mapping[str, Any], reads: int, source: object) -> None:
    """Lets what a file tells about itself pass if it is of the format that this version reads.

    Raises:
        CellmarkError: it is of another one; ``source`` is named, and the version that wrote it.
    """
    if described.get("format") != reads:
        made = f"{source}: format {described.get('format')}, written by cellmark {described.get('version')}"
        own = f"this is cellmark {cellmark.__version__}, which reads format {reads}"
        raise CellmarkError(f"{made}; {own}: install cellmark {described.get('version')} to use it")


def build(config: dict[str, Any], source: Path) -> Any:
    """Instantiates a config that came with a checkpoint, if every ``_target_`` is a class of this project.

    Raises:
        CellmarkError: a target that is anything else, or what could hide one; ``source`` is named.
    """
    for target in _targets(config, source):
        if not _is_own_class(target):
            raise CellmarkError(f"{source}: refuses to build {target!r}: not a class of cellmark")
    return instantiate(config)


def fill(network: nn.Module, weights: Mapping[str, Tensor], source: Path) -> None:
    """Puts weights into the network that they were saved of.

    Raises:
        CellmarkError: they do not fit it; ``source`` is named.
    """
    try:
        network.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:  # other names or shapes; no tensors at all
        raise CellmarkError(f"{source}: its tensors do not fit its network: {error}") from error


def _is_own_class(target: str) -> bool:
    if not target.startswith("cellmark."):
        return False
    try:
        found = get_object(target)
    except ImportError:
        return False
    return isinstance(found, type) and found.__module__.startswith("cellmark.")


def _targets(node: Any, source: Path) -> list[str]:
    """Every ``_target_`` below ``node``, which must be plain: OmegaConf would make configs of more than lists and text.

    An interpolation is not resolved yet here, and may become anything; those of a recipe were resolved as it was made.
    """
    if isinstance(node, dict):
        own = [str(node["_target_"])] if "_target_" in node else []
        return own + [target for pair in node.items() for value in pair for target in _targets(value, source)]
    if isinstance(node, list):
        return [target for value in node for target in _targets(value, source)]
    if not isinstance(node, (str, int, float, bool, type(None))) or (isinstance(node, str) and "${" in node):
        raise CellmarkError(f"{source}: refuses to build from {str(node)[:80]!r}: not a plain value")
    return []


def _without_downloads(node: Any) -> Any:
    """The weights come with the checkpoint: nothing asks the network for pretrained ones when it is loaded."""
    if isinstance(node, dict):
        return {k: False if k == "pretrained" else _without_downloads(v) for k, v in node.items()}
    return [_without_downloads(v) for v in node] if isinstance(node, list) else node


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
