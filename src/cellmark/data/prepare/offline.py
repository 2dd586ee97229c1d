"""Writes a root of folders anew, with the variants of every picture beside it."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2

from cellmark.data.annotations import CLASSES, VISIBILITY, Visibility, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.coco import ANNOTATIONS
from cellmark.data.json_entries import load_object
from cellmark.data.prepare.offline_entries import Variant, with_variants
from cellmark.data.prepare.offline_pictures import Job, write_pictures
from cellmark.data.prepare.steps import Settings
from cellmark.data.prepare.variants import Chain, chains_of, variant_name
from cellmark.data.records import NOT_LABELLED, Code, Folder
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, write_json

PARAMETERS = "offline.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfflineCounts:
    """What was written.

    Attributes:
        folders: folders, with and without variants.
        originals: pictures copied.
        variants: pictures made.
        left: keypoints of variants that left their picture and became v = 0.
        redraws: random fields that folded over a code and were drawn again.
    """

    folders: int
    originals: int
    variants: int
    left: int
    redraws: int


def write_offline_set(
    source: Path,
    target: Path,
    variants: str,
    seed: int,
    only: Sequence[str] | None = None,
    workers: int | None = None,
    *,
    settings: Settings | None = None,
    visibility_to_class: Visibility | None = None,
    annotations: str = ANNOTATIONS,
) -> OfflineCounts:
    """Copies a root of folders and adds variants of the pictures, each in the folder of its original.

    Pictures and COCO files are copied, other files are not. Variants are written in the format of their
    original, with 8 bits a channel. The same arguments give the same bytes, whatever the workers.

    The sets are

    * ``warps``: originals, curved, crumpled: 3x, the data of the report's trainings 3 and 4;
    * ``all``: (originals, curved, crumpled) x (as they are, rotated by one angle, by another, with noise, with
      another contrast): 15x, the data of training 2. The report says "all transformations offline (15x)" and
      does not list its fifteen; this is the reading that makes fifteen of the transformations it describes;
    * ``elementary``: originals, two rotations, noise, contrast: 5x;
    * ``warps_smooth``: as ``warps``, with a smooth random field: 4x.

    Args:
        source: a sound root, see `cellmark.data.check.load_root`; it is only read.
        target: a folder that is not there yet, or empty; it appears when all is written, or not at all.
        variants: name of the set.
        seed: seed of all randomness.
        only: names of the folders that get variants, None for all. The others are only copied: a fold to
            validate on must be what it was.
        workers: processes; None = one for each core that may be used.
        settings: how strong the transformations are, by default the report's.
        visibility_to_class: v -> class index, or None; by default 2 black, 1 white, 0 not labelled.
        annotations: name of the COCO file in each folder.

    Raises:
        CellmarkError: the source has problems, the target is in the way, or a name is not known.
    """
    chains, settings = chains_of(variants), settings or Settings()
    if visibility_to_class is None:
        visibility_to_class = resolve_visibility(VISIBILITY, CLASSES)
    _check_arguments(source, target, workers, visibility_to_class)
    folders = load_root(source, visibility_to_class, annotations=annotations)
    _check_only(source, only, folders)
    sets = [
        _FolderSet(folder, folder.path / annotations, chains if only is None or folder.name in only else [])
        for folder in folders
    ]
    for each in sets:
        each.check_names()
    chosen = None if only is None else sorted(only)
    with new_folder(target) as root:
        made = _make(sets, root, seed, settings, workers)
        write_json(root / PARAMETERS, {"variants": variants, "seed": seed, "only": chosen, **asdict(settings)})
    return _counted(sets, made)


@dataclass(frozen=True)
class _FolderSet:
    """A folder of the source, its COCO file, and the variants that its pictures get."""

    folder: Folder
    file: Path
    chains: Sequence[Chain]

    @cached_property
    def content(self) -> Mapping[str, Any]:
        content, reason = load_object(self.file)
        if reason is not None:
            raise CellmarkError(f"{self.file}: {reason}")
        return content

    @cached_property
    def names(self) -> dict[int, str]:
        """The file names of the pictures by their ids."""
        return {entry["id"]: entry["file_name"] for entry in self.content["images"]}

    def check_names(self) -> None:
        """Refuses what could not be written, before anything is."""
        taken = set(self.names.values())
        for name in self.names.values() if self.chains else ():
            if not cv2.haveImageWriter(name):
                raise CellmarkError(f"{self.file}: {name}: variants cannot be written in the format of this suffix")
            for chain in self.chains:
                if (variant := variant_name(chain, name)) in taken:
                    raise CellmarkError(
                        f"{self.file}: {variant} would be a variant of {name}, but is there already: "
                        "variants are made of a root that holds none"
                    )

    def write(self, target: Path, variants: Sequence[Variant]) -> None:
        """Writes the COCO file; without variants it is the one of the source, byte for byte."""
        if variants:
            write_json(target, with_variants(self.content, variants), indent=None)
        else:
            shutil.copyfile(self.file, target)


def _check_arguments(source: Path, target: Path, workers: int | None, visibility_to_class: Visibility) -> None:
    if workers is not None and workers < 1:
        raise CellmarkError(f"workers={workers}: at least 1 is needed, or null for one on each core")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CellmarkError(f"{target}: already there; nothing is overwritten, name another folder")
    if target.resolve().is_relative_to(source.resolve()):
        raise CellmarkError(f"{target}: lies in the source {source}, which is only read; name another folder")
    if visibility_to_class.get(NOT_LABELLED, 0) is not None:
        raise CellmarkError(
            f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', "
            "which is what keypoints become that leave a picture"
        )


def _check_only(source: Path, only: Sequence[str] | None, folders: Sequence[Folder]) -> None:
    names = [folder.name for folder in folders]
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise CellmarkError(
            f"{source}: no folder {', '.join(unknown)} to make variants in; there are {', '.join(names)}"
        )


def _make(
    sets: Sequence[_FolderSet], root: Path, seed: int, settings: Settings, workers: int | None
) -> list[list[Variant]]:
    """Writes all pictures and COCO files; the variants of each folder."""
    jobs = [
        Job(record, each.folder.name, each.names[record.id], root / each.folder.name, each.chains, seed, settings)
        for each in sets
        for record in each.folder.images
    ]
    made: list[list[Variant]] = []
    with closing(write_pictures(jobs, workers)) as done:  # no worker writes any more when the folder is cleared away
        for each in sets:
            made.append([variant for _ in each.folder.images for variant in next(done)])
            each.write(root / each.folder.name / each.file.name, made[-1])
    return made


def _counted(sets: Sequence[_FolderSet], made: Sequence[Sequence[Variant]]) -> OfflineCounts:
    left = redraws = 0
    for each, variants in zip(sets, made, strict=True):
        before = {code.id: _labelled(code) for record in each.folder.images for code in record.codes}
        for variant in variants:
            left += sum(before[code.id] - _labelled(code) for code in variant.codes)
            redraws += variant.redraws
            if variant.redraws:
                name = variant_name(variant.chain, each.names[variant.image_id])
                log.info("%s/%s: drawn again, %d fields folded over the code", each.folder.name, name, variant.redraws)
    originals = sum(len(each.folder.images) for each in sets)
    return OfflineCounts(len(sets), originals, sum(map(len, made)), left, redraws)


def _labelled(code: Code) -> int:
    return int((code.keypoints[:, 2] != NOT_LABELLED).sum())
