"""What is to be done to a root so that it holds a set of variants: known before anything is written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import cv2

from cellmark.data.annotations import Visibility
from cellmark.data.check import load_root
from cellmark.data.coco import ANNOTATIONS
from cellmark.data.file_names import FileState, state_of
from cellmark.data.json_entries import load_object
from cellmark.data.prepare.warp.entries import variant_of
from cellmark.data.prepare.warp.steps import Settings
from cellmark.data.prepare.warp.variants import Chain, chains_of, settings_of, variant_name
from cellmark.data.records import NOT_LABELLED, Folder, ImageRecord
from cellmark.errors import CellmarkError

_NO_NUMBER = re.compile(rb"\b(NaN|Infinity)\b")


@dataclass(frozen=True)
class Request:
    """What the user wants.

    Attributes:
        variants: name of the set, see `cellmark.data.prepare.warp.variants.SETS`.
        seed: seed of all randomness.
        visibility_to_class: v -> class index, or None.
        settings: how strong the transformations are, by default the report's.
        only: names of the folders that get variants, None for all. A fold to validate on may have to stay
            what it is.
    """

    variants: str
    seed: int
    visibility_to_class: Visibility
    settings: Settings = field(default_factory=Settings)
    only: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Refuses a map in which keypoints that leave their picture would get a class."""
        if self.visibility_to_class.get(NOT_LABELLED, 0) is not None:
            raise CellmarkError(
                f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', "
                "which is what keypoints become that leave a picture"
            )

    @property
    def unlabelled(self) -> frozenset[int]:
        """The v of keypoints without a class."""
        return frozenset(v for v, index in self.visibility_to_class.items() if index is None)


@dataclass(frozen=True)
class FolderPlan:
    """A folder, its COCO file, and the variants that its pictures still need.

    Attributes:
        folder: its sound pictures.
        file: its COCO file.
        state: of the COCO file when the plan was made.
        names: the file names of all pictures by their ids.
        missing: by the id of each original, the variants to make.
        there: number of wanted variants that are there already.
    """

    folder: Folder
    file: Path
    state: FileState
    names: Mapping[int, str]
    missing: Mapping[int, Sequence[Chain]]
    there: int

    @cached_property
    def originals(self) -> list[ImageRecord]:
        """The pictures that need variants."""
        return [record for record in self.folder.images if self.missing.get(record.id)]

    @property
    def count(self) -> int:
        """Number of variants to make."""
        return sum(map(len, self.missing.values()))

    def new_names(self) -> Iterator[str]:
        """The names of the files to make, in the folder."""
        for image_id, chains in self.missing.items():
            yield from (variant_name(chain, self.names[image_id]) for chain in chains)

    def content(self) -> Mapping[str, Any]:
        """The content of the COCO file.

        Raises:
            CellmarkError: it is not what it was when the plan was made.
        """
        content, reason = load_object(self.file)
        self.check_unchanged()
        if reason is not None:
            raise CellmarkError(f"{self.file}: {reason}")
        return content

    def check_unchanged(self) -> None:
        """Makes sure that the COCO file is still what the plan was made from.

        Raises:
            CellmarkError: it is not.
        """
        if state_of(self.file) != self.state:
            raise CellmarkError(f"{self.file}: was changed by somebody else meanwhile; nothing was written to it")


def plan_root(root: Path, request: Request) -> list[FolderPlan]:
    """Finds what is to be done, and refuses what cannot be.

    Args:
        root: a sound root, see `cellmark.data.check.load_root`; it is only read.
        request: what is wanted.

    Raises:
        CellmarkError: the root has problems, a name is not known, a variant would have the name of another
            picture, or is there already but made with other settings.
    """
    chains = chains_of(request.variants)
    states = {path.name: state_of(path / ANNOTATIONS) for path in (root.iterdir() if root.is_dir() else ())}
    folders = load_root(root, request.visibility_to_class)
    names = [folder.name for folder in folders]
    if unknown := [name for name in request.only or () if name not in names]:
        raise CellmarkError(f"{root}: no folder {', '.join(unknown)} to make variants in; there are {', '.join(names)}")
    plans = []
    for folder in folders:
        wanted = chains if request.only is None or folder.name in request.only else []
        state = states.get(folder.name)
        if state is None:
            raise CellmarkError(f"{folder.path}: has only just appeared; start again")
        plans.append(_plan(folder, state, wanted, request))
    return plans


def _plan(folder: Folder, state: FileState, chains: Sequence[Chain], request: Request) -> FolderPlan:
    plan = FolderPlan(folder, folder.path / ANNOTATIONS, state, {}, {}, 0)
    file, content = plan.file, plan.content()
    wanted = {chain: settings_of(chain, request.seed, request.settings) for chain in chains}
    names = {entry["id"]: entry["file_name"] for entry in content["images"]}
    taken, originals = {str(PurePosixPath(name)) for name in names.values()}, dict(names)
    there: set[tuple[int, Chain]] = set()
    for entry in content["images"]:
        if (made := _made(file, entry)) is not None:
            del originals[entry["id"]]
            there.add(made)
            _check_settings(file, entry, wanted.get(made[1]))
    missing: dict[int, list[Chain]] = {}
    for image_id, name in originals.items():
        missing[image_id] = [chain for chain in chains if (image_id, chain) not in there]
        _check_names(file, name, missing[image_id], taken)
    if any(missing.values()):
        _check_numbers(file, content)
    count = sum((image_id, chain) in there for image_id in originals for chain in chains)
    return replace(plan, names=names, missing=missing, there=count)


def _check_numbers(file: Path, content: Mapping[str, Any]) -> None:
    """Python reads NaN and infinity, also in keys that nobody looks at, but they are no JSON to be written."""
    if not _NO_NUMBER.search(file.read_bytes()):
        return
    try:
        json.dumps(content, allow_nan=False)
    except ValueError as error:
        raise CellmarkError(f"{file}: holds NaN or infinity, which no JSON file may; it cannot be extended") from error


def _made(file: Path, entry: Mapping[str, Any]) -> tuple[int, Chain] | None:
    try:
        return variant_of(entry)
    except CellmarkError as error:
        raise CellmarkError(f"{file}: {error}") from error


def _check_settings(file: Path, entry: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> None:
    """Refuses a variant that is wanted, and there, but not as it is wanted."""
    found = entry.get("variant_settings")
    if wanted is None or found == wanted:
        return
    found = found if isinstance(found, dict) else {}
    keys = [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]
    differences = ", ".join(f"{key} is {found.get(key)} there, {wanted.get(key)} here" for key in keys)
    raise CellmarkError(
        f"{file}: image {entry['id']} ({entry['file_name']}) was made otherwise: {differences}; "
        "warp with its settings, or name a new root with output_dir"
    )


def _check_names(file: Path, name: str, chains: Sequence[Chain], taken: set[str]) -> None:
    if chains and not cv2.haveImageWriter(name):
        raise CellmarkError(f"{file}: {name}: variants cannot be written in the format of this suffix")
    for chain in chains:
        if str(PurePosixPath(variant := variant_name(chain, name))) in taken:
            raise CellmarkError(f"{file}: {variant} would be a variant of {name}, but is another picture")
