"""The weights that come with the package: files with tensors and the recipe of their network, and no code.

They hold numbers of 16 bits, which halves them; what a network gives changes by less than training's own noise.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

import cellmark
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes
from cellmark.models.classifier import CellClassifier
from cellmark.models.network import Network
from cellmark.tasks.checkpoint import FORMAT, RECIPE, Model, build, check_format, fill, load_checkpoint, read_checkpoint

DEFAULT = Path(__file__).parent / "default" / "reader.safetensors"
CLASSIFIER = DEFAULT.with_name("classifier.safetensors")
LARGEST = 10_000_000  # bytes: it is part of the package


def load_default() -> Model:
    """The network that comes with the package.

    Raises:
        CellmarkError: this installation has none, or the file is broken.
    """
    if not DEFAULT.is_file():
        raise CellmarkError("this installation of cellmark has no default weights; name a checkpoint with ckpt=")
    return load_weights(DEFAULT)


def load_weights(path: Path) -> Model:
    """Loads what ``save_weights`` wrote.

    Raises:
        CellmarkError: another kind of file, of another format, or its tensors do not fit its network.
    """
    recipe, network = _load(path)
    if not isinstance(network, Network):
        raise CellmarkError(f"{path}: the weights of {type(network).__name__}, not of a network that finds cells")
    return Model(
        network=network.eval(),
        codec=build(recipe["codec"], path),
        classes=tuple(recipe["classes"]),
        visibility_to_class={int(v): name for v, name in recipe["visibility_to_class"].items()},
        size=(recipe["size"][0], recipe["size"][1]),
    )


def save_weights(checkpoint: Path, target: Path) -> None:
    """Writes the network of a checkpoint as such a file; the same checkpoint gives the same bytes.

    Args:
        checkpoint: of ``cellmark train``.
        target: the file to write; one of that name is replaced.

    Raises:
        CellmarkError: no checkpoint, one whose network cannot be built or whose numbers do not fit 16 bits, or the file
            would be too large. Nothing is written then.
    """
    recipe = read_checkpoint(checkpoint)[RECIPE]
    _save(recipe, load_checkpoint(checkpoint).network, checkpoint, target)


def load_classifier(path: Path = CLASSIFIER) -> CellClassifier:
    """Loads what ``save_classifier`` wrote; by default the one that comes with the package.

    Raises:
        CellmarkError: see ``load_weights``; or this installation has none.
    """
    if not path.is_file():
        raise CellmarkError(f"{path}: this installation of cellmark has no such weights")
    network = _load(path)[1]
    if not isinstance(network, CellClassifier):
        raise CellmarkError(f"{path}: the weights of {type(network).__name__}, not of a classifier of cells")
    return network.eval()


def save_classifier(network: CellClassifier, target: Path) -> None:
    """Writes a classifier as such a file; one of that name is replaced.

    Raises:
        CellmarkError: its numbers do not fit 16 bits, or the file would be too large. Nothing is written then.
    """
    config = {"_target_": f"{CellClassifier.__module__}.{CellClassifier.__name__}", **network.config}
    _save({"format": FORMAT, "version": cellmark.__version__, "network": config}, network, target, target)


def _load(path: Path) -> tuple[dict[str, Any], nn.Module]:
    """The recipe of a file of weights, and its network."""
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {}).get(RECIPE, "null"))
            weights = {name: _full(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CellmarkError(f"{path}: cannot be read as weights: {error}") from error
    if not isinstance(recipe, dict):
        raise CellmarkError(f"{path}: no weights of cellmark")
    check_format(recipe, FORMAT, path)
    network: nn.Module = build(recipe["network"], path)
    fill(network, weights, path)
    return recipe, network


def _save(recipe: dict[str, Any], network: nn.Module, source: Path, target: Path) -> None:
    tensors = {name: _half(name, value, source) for name, value in network.state_dict().items()}
    # One entry only: the library writes several ones in an order that changes from run to run
    written = save(tensors, metadata={RECIPE: json.dumps(recipe, sort_keys=True, allow_nan=False)})
    if len(written) > LARGEST:
        size = f"{len(written) / 1e6:.1f} MB are more than the {LARGEST / 1e6:.0f} MB that a package may carry"
        raise CellmarkError(f"{source}: {size}")
    write_bytes(target, written)


def _half(name: str, value: Tensor, source: Path) -> Tensor:
    """A tensor of 16 bits; integers stay as they are."""
    if not value.is_floating_point():
        return value.contiguous()
    half = value.to(torch.float16, copy=True).contiguous()
    if not bool(half.isfinite().all()):
        raise CellmarkError(f"{source}: {name} holds values that are not finite, or beyond what 16 bits can say")
    return half


def _full(value: Any) -> Tensor:
    tensor: Tensor = value
    return tensor.float() if tensor.is_floating_point() else tensor
