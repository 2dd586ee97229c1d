"""Variants of a picture: chains of steps, and the named sets of them.

A chain names the steps in the order in which they are applied: ``("curved", "rotated1")`` turns the curved
picture. The variant's file is named by the same steps, the last one first: ``rotated1_curved_<name>``.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from cellmark.data.prepare.warp.steps import STEPS, Picture, Settings
from cellmark.errors import CellmarkError

Chain = tuple[str, ...]


_ELEMENTARY = ("rotated1", "rotated2", "noise", "contrast")
SETS: Mapping[str, tuple[Chain, Chain]] = {  # name: the warps, and what is done to the original and to each of them
    "warps": (("curved", "crumpled"), ()),
    "warps_smooth": (("curved", "crumpled", "smooth"), ()),
    "elementary": ((), _ELEMENTARY),
    "all": (("curved", "crumpled"), _ELEMENTARY),
}


def chains_of(name: str) -> list[Chain]:
    """The variants of a named set, the original left out.

    Raises:
        CellmarkError: there is no such set.
    """
    if name not in SETS:
        raise CellmarkError(f"variants={name!r}: not one of {', '.join(SETS)}")
    warps, after = SETS[name]
    bases: list[Chain] = [(), *((warp,) for warp in warps)]
    return bases[1:] + [(*base, step) for base in bases for step in after]


def variant_name(chain: Chain, file_name: str) -> str:
    """The name of the variant's file, in the same place as ``file_name``."""
    path = PurePosixPath(file_name)
    return str(path.with_name("_".join((*reversed(chain), path.name))))


def settings_of(chain: Chain, seed: int, settings: Settings) -> dict[str, Any]:
    """Everything that decides what a variant looks like, as JSON keeps it."""
    known = {"seed": seed, **asdict(settings)}
    names = {name for step in chain for name in STEPS[step].reads}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items() if name in names}


def make_variants(
    picture: Picture, chains: Sequence[Chain], key: Sequence[object], settings: Settings
) -> Iterator[tuple[Chain, Picture]]:
    """Makes the variants of a picture.

    Args:
        picture: the original.
        chains: what to make.
        key: seed, folder and file: with the chain, it decides all that is random.
        settings: how strong the steps are.

    Raises:
        CellmarkError: a random field folds however often it is drawn.
    """
    made: dict[Chain, Picture] = {(): picture}
    for chain in chains:
        for length in range(1, len(chain) + 1):
            part = chain[:length]
            if part not in made:
                made[part] = STEPS[part[-1]].apply(made[part[:-1]], _generator(*key, *part), settings)
        yield chain, made[chain]


def _generator(*key: object) -> np.random.Generator:
    """The same numbers for the same key, whatever else is drawn before or elsewhere."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
