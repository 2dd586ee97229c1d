"""Writes variants of every picture of a root: beside the originals, or with copies of them into a new root."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cellmark.data.prepare.warp.entries import Variant, with_variants
from cellmark.data.prepare.warp.pictures import write_pictures
from cellmark.data.prepare.warp.plan import FolderPlan, Request, plan_root
from cellmark.data.prepare.warp.variants import variant_name
from cellmark.data.records import NOT_LABELLED, Code
from cellmark.errors import CellmarkError
from cellmark.files import copy_file, new_folder, refuse_overlap, scratch_folder, write_json
from cellmark.progress import progress_bar

BACKUP = ".original"  # suffix of the COCO file as it was before the first variants

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OfflineCounts:
    """What was written.

    Attributes:
        variants: pictures made.
        there: wanted pictures that were there already.
        left: keypoints of variants that left their picture and became v = 0.
        redraws: random fields that folded over a code and were drawn again.
    """

    variants: int
    there: int
    left: int
    redraws: int


def add_variants(plans: Sequence[FolderPlan], request: Request, workers: int | None = None) -> OfflineCounts:
    """Puts the missing variants beside their originals, and their entries at the end of the COCO files.

    All pictures are made in hidden folders first. When the last one is done they take their places, then the
    COCO files are replaced by ones with the same entries and the new ones; each keeps its old self under
    the name ``annotations.json.original`` when that is not there yet. Pictures are written in the format of
    their original, with 8 bits a channel. The same arguments give the same bytes, whatever the workers.

    Args:
        plans: from `plan_root`.
        request: what was asked of `plan_root`.
        workers: processes; None = one for each core that may be used.

    Raises:
        CellmarkError: a file is in the way, or a random field folds however often it is drawn. Nothing was
            changed then.
    """
    active = [plan for plan in plans if plan.count]
    with ExitStack() as stack:
        scratches = [stack.enter_context(scratch_folder(plan.folder.path, "dataset_warp")) for plan in active]
        made = list(write_pictures(active, scratches, request, workers))
        for plan, scratch, variants in zip(active, scratches, made, strict=True):
            write_json(scratch / plan.file.name, with_variants(plan.content(), variants), indent=None)
            _refuse_others(plan, scratch)
        for plan, scratch in zip(active, scratches, strict=True):
            _move_in(plan, scratch)
    return _counted(plans, active, made)


def write_offline_set(source: Path, target: Path, request: Request, workers: int | None = None) -> OfflineCounts:
    """Copies a root, and adds the missing variants to the copy.

    Pictures and COCO files are copied, other files are not.

    Args:
        source: a sound root; it is only read.
        target: a folder that is not there yet, or empty; it appears when all is written, or not at all.
        request: what is wanted.
        workers: processes; None = one for each core that may be used.

    Raises:
        CellmarkError: as `plan_root` and `add_variants`, or the target is in the way.
    """
    refuse_overlap(source, target)
    plans = plan_root(source, request)
    with new_folder(target) as root:
        targets = [root / plan.folder.name for plan in plans]
        _copy(plans, targets)
        made = list(write_pictures(plans, targets, request, workers))
        for plan, folder, variants in zip(plans, targets, made, strict=True):
            if variants:
                write_json(folder / plan.file.name, with_variants(plan.content(), variants), indent=None)
            else:
                copy_file(plan.file, folder / plan.file.name)
    return _counted(plans, plans, made)


def _copy(plans: Sequence[FolderPlan], targets: Sequence[Path]) -> None:
    with progress_bar() as update:
        for plan, target in zip(plans, targets, strict=True):
            for done, record in enumerate(plan.folder.images, start=1):
                copy_file(record.path, target / plan.names[record.id])
                update(f"copying {plan.folder.name}", done, len(plan.folder.images))


def _refuse_others(plan: FolderPlan, scratch: Path) -> None:
    """A picture of the name that is no part of the data set; one with the same bytes is left of a killed process."""
    for name in plan.new_names():
        there, made = plan.folder.path / name, scratch / name
        if there.exists() and (not there.is_file() or there.read_bytes() != made.read_bytes()):
            raise CellmarkError(f"{there}: is in the way of a variant; nothing is overwritten")


def _move_in(plan: FolderPlan, scratch: Path) -> None:
    """The pictures first: a COCO file never names one that is not there."""
    for name in plan.new_names():
        (scratch / name).replace(plan.folder.path / name)
    backup = plan.file.with_name(plan.file.name + BACKUP)
    if not backup.exists():
        copy_file(plan.file, backup)
    (scratch / plan.file.name).replace(plan.file)


def _counted(
    plans: Sequence[FolderPlan], active: Sequence[FolderPlan], made: Sequence[Sequence[Variant]]
) -> OfflineCounts:
    left = redraws = 0
    for plan, variants in zip(active, made, strict=True):
        before = {code.id: _labelled(code) for record in plan.folder.images for code in record.codes}
        for variant in variants:
            left += sum(before[code.id] - _labelled(code) for code in variant.codes)
            redraws += variant.redraws
            if variant.redraws:
                name = variant_name(variant.chain, plan.names[variant.image_id])
                log.info("%s/%s: drawn again, %d fields folded over the code", plan.folder.name, name, variant.redraws)
    return OfflineCounts(sum(map(len, made)), sum(plan.there for plan in plans), left, redraws)


def _labelled(code: Code) -> int:
    return int((code.keypoints[:, 2] != NOT_LABELLED).sum())
