"""Weights of another run as the beginning of this one: chosen parts, each as a whole."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from cellmark.errors import CellmarkError
from cellmark.tasks.checkpoint import WEIGHTS, read_checkpoint

PARTS = ("backbone", "decoder", "heads")
SHOWN = 3  # names of weights that do not fit, in a message

log = logging.getLogger(__name__)


def transfer_weights(network: nn.Module, source: Path, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """Copies parts of the network of a checkpoint into ``network``; nothing is copied where one does not fit.

    Args:
        network: whose weights are replaced.
        source: checkpoint of a training.
        parts: ``backbone``, ``decoder``, ``heads``, or one head, as in ``heads.heatmap``.

    Returns:
        What was done: ``source``, ``taken`` and ``left``, the numbers of each part.

    Raises:
        CellmarkError: no such part, or one whose weights have other names or shapes here.
    """
    _refuse_unknown(parts)
    content = read_checkpoint(source)["state_dict"]
    theirs = {key.removeprefix(WEIGHTS): value for key, value in content.items() if key.startswith(WEIGHTS)}
    own = network.state_dict()
    chosen: dict[str, Tensor] = {}
    for part in parts:
        chosen |= _fitting(part, _of(part, own), _of(part, theirs), source)
    network.load_state_dict(own | chosen)
    report = {
        "source": str(source),
        "taken": {part: _size(_of(part, chosen)) for part in parts},
        "left": {part: _size(_of(part, own)) for part in _rest(own, parts)},
    }
    for what in ("taken", "left"):
        sizes = cast(dict[str, dict[str, int]], report[what]).items()
        told = ", ".join(f"{part} ({size['tensors']} tensors, {size['numbers']:,} numbers)" for part, size in sizes)
        log.info("weights of %s, %s: %s", source, what, told or "nothing")
    return report


def _refuse_unknown(parts: Sequence[str]) -> None:
    """Each part is taken as a whole: a piece of one is no part."""
    if isinstance(parts, str):
        raise CellmarkError(f"weights.parts={parts}: a list is needed, as in [{parts}]")
    for part in parts:
        heads, dot, name = part.partition(".")
        if part not in PARTS and not (heads == "heads" and dot and name and "." not in name):
            raise CellmarkError(f"weights.parts: no part is called {part!r}; there are {', '.join(PARTS)}, heads.NAME")


def _fitting(part: str, own: Mapping[str, Tensor], theirs: Mapping[str, Tensor], source: Path) -> Mapping[str, Tensor]:
    """The weights of a part, if they are those that the network has."""
    if not own or not theirs:
        where = "the network of this run" if not own else str(source)
        raise CellmarkError(f"weights.parts: {where} has no part {part!r}; there are {', '.join(PARTS)}, heads.NAME")
    problems = [f"{key} is not in {source}" for key in own if key not in theirs]
    problems += [f"{key} is only in {source}" for key in theirs if key not in own]
    shapes = {key: (tuple(theirs[key].shape), tuple(own[key].shape)) for key in own if key in theirs}
    problems += [f"{key} has shape {a} in {source}, {b} here" for key, (a, b) in shapes.items() if a != b]
    if problems:
        more = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        told = f"{'; '.join(problems[:SHOWN])}{more}"
        raise CellmarkError(f"weights.ckpt: {part} does not fit: {told}. weights.parts says which parts are taken")
    return theirs


def _of(part: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value for key, value in weights.items() if key.startswith(f"{part}.")}


def _rest(own: Mapping[str, Tensor], parts: Sequence[str]) -> list[str]:
    """The parts that nothing was copied into; a head apart where another one was."""
    left = (key for key in own if not key.startswith(tuple(f"{part}." for part in parts)))
    names = (".".join(key.split(".")[: 2 if key.startswith("heads.") else 1]) for key in left)
    return list(dict.fromkeys(names))


def _size(weights: Mapping[str, Tensor]) -> dict[str, int]:
    return {"tensors": len(weights), "numbers": sum(value.numel() for value in weights.values())}
