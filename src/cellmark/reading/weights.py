"""The weights that come with the package: one file with tensors and the recipe of their network, and no code.

The file holds numbers of 16 bits, which halves it; what a network gives changes by less than training's own noise.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

import cellmark
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes
from cellmark.tasks.checkpoint import FORMAT, RECIPE, Model, build, load_checkpoint, read_checkpoint

DEFAULT = Path(__file__).parent / "default" / "reader.safetensors"
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
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {}).get(RECIPE, "null"))
            weights = {name: _full(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CellmarkError(f"{path}: cannot be read as weights: {error}") from error
    if not isinstance(recipe, dict):
        raise CellmarkError(f"{path}: no weights of cellmark")
    if recipe.get("format") != FORMAT:
        made = f"format {recipe.get('format')}, written by cellmark {recipe.get('version')}"
        raise CellmarkError(f"{path}: {made}; this is cellmark {cellmark.__version__}, which reads format {FORMAT}")
    network = build(recipe["network"], path)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:  # names that are missing or too many, other shapes
        raise CellmarkError(f"{path}: its tensors do not fit its network: {error}") from error
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
    state = load_checkpoint(checkpoint).network.state_dict()
    tensors = {name: _half(name, value, checkpoint) for name, value in state.items()}
    # One entry only: the library writes several ones in an order that changes from run to run
    written = save(tensors, metadata={RECIPE: json.dumps(recipe, sort_keys=True, allow_nan=False)})
    if len(written) > LARGEST:
        size = f"{len(written) / 1e6:.1f} MB are more than the {LARGEST / 1e6:.0f} MB that a package may carry"
        raise CellmarkError(f"{checkpoint}: {size}")
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
