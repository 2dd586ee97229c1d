"""Writes variants of every picture of a root: beside the originals, or with copies of them into a new root."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from cellmark.data.prepare.output import copy_pictures
from cellmark.data.prepare.warp.entries import Variant, with_variants
from cellmark.data.prepare.warp.pictures import write_pictures
from cellmark.data.prepare.warp.plan import FolderPlan, Request, plan_root
from cellmark.data.prepare.warp.variants import variant_name
from cellmark.data.records import Code
from cellmark.errors import CellmarkError
from cellmark.files import copy_file, locked, new_folder, refuse_overlap, scratch_folder, write_json
from cellmark.progress import progress_bar

BACKUP = ".original"  # added to the name of the COCO file as it was

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarpCounts:
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


def add_variants(plans: Sequence[FolderPlan], request: Request, workers: int | None = None) -> WarpCounts:
    """Puts the missing variants beside their originals, and their entries at the end of the COCO files.

    All pictures are made in hidden folders first. When the last one is done they take their places, then the
    COCO files are replaced by ones with the same entries and the new ones. Each is kept as it was under the name
    ``annotations.json.original`` (or ``.original.2`` and so on where that is taken). Pictures are written in the
    format of their original, with 8 bits a channel. The same arguments give the same bytes, whatever the workers.

    Args:
        plans: from `plan_root`.
        request: what was asked of `plan_root`.
        workers: processes; None = one for each core that may be used.

    Raises:
        CellmarkError: a file is in the way, or changed meanwhile, another process is doing the same, or a random
            field folds however often it is drawn. Nothing was changed then. After an error of the system while the
            files take their places, a folder has all its variants or none.
    """
    active = [plan for plan in plans if plan.count]
    with ExitStack() as stack:
        for root in {plan.folder.path.parent for plan in active}:
            stack.enter_context(_alone(root))
        scratches = [stack.enter_context(scratch_folder(plan.folder.path, "dataset_warp")) for plan in active]
        made = list(write_pictures(active, scratches, request, workers))
        for plan, scratch, variants in zip(active, scratches, made, strict=True):
            write_json(scratch / plan.file.name, with_variants(plan.content(), variants), indent=None)
            _refuse_others(plan, scratch)
        for plan, scratch in zip(active, scratches, strict=True):
            _move_in(plan, scratch)
    return _counted(plans, active, made, request)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """No other process may add variants to ``root`` within the block."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(root))
        except BlockingIOError as error:
            raise CellmarkError(f"{root}: another process is writing variants there; wait for it") from error
        yield


def write_new_root(source: Path, target: Path, request: Request, workers: int | None = None) -> WarpCounts:
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
        with progress_bar() as update:
            for plan, folder in zip(plans, targets, strict=True):
                copy_pictures({plan.names[one.id]: one.path for one in plan.folder.images}, folder, update)
        made = list(write_pictures(plans, targets, request, workers))
        for plan, folder, variants in zip(plans, targets, made, strict=True):
            if variants:
                write_json(folder / plan.file.name, with_variants(plan.content(), variants), indent=None)
            else:
                copy_file(plan.file, folder / plan.file.name)
                plan.check_unchanged()
    return _counted(plans, plans, made, request)


def _refuse_others(plan: FolderPlan, scratch: Path) -> None:
    """Refuses a file that has a variant's name but other bytes; equal bytes were left by a killed process."""
    for name in plan.new_names():
        there, made = plan.folder.path / name, scratch / name
        if os.path.lexists(there) and (there.is_symlink() or there.read_bytes() != made.read_bytes()):
            raise CellmarkError(f"{there}: is in the way of a variant; nothing is overwritten, so take it away first")


def _move_in(plan: FolderPlan, scratch: Path) -> None:
    """The pictures first: a COCO file never names one that is not there. After an error all or none are there."""
    moved: list[Path] = []
    try:
        for name in plan.new_names():
            target = plan.folder.path / name
            if not target.exists():
                moved.append(target)
            (scratch / name).replace(target)
        plan.check_unchanged()
        _keep_original(plan.file, scratch)
        (scratch / plan.file.name).replace(plan.file.resolve())
    except BaseException:  # Ctrl-C, too
        if (scratch / plan.file.name).exists():  # else the COCO file that names the pictures is in its place already
            for target in moved:
                target.unlink(missing_ok=True)
        raise


def _keep_original(file: Path, scratch: Path) -> None:
    """Copies a COCO file to a name beside it that is free, unless there is such a copy already."""
    content = file.read_bytes()
    for number in count(1):
        backup = file.with_name(file.name + BACKUP + ("" if number == 1 else f".{number}"))
        if not os.path.lexists(backup):
            copy_file(file, scratch / backup.name)
            (scratch / backup.name).replace(backup)
            return
        if backup.is_file() and backup.read_bytes() == content:
            return


def _counted(
    plans: Sequence[FolderPlan], active: Sequence[FolderPlan], made: Sequence[Sequence[Variant]], request: Request
) -> WarpCounts:
    left = redraws = 0
    unlabelled = list(request.unlabelled)
    for plan, variants in zip(active, made, strict=True):
        before = {code.id: _labelled(code, unlabelled) for record in plan.folder.images for code in record.codes}
        for variant in variants:
            left += sum(before[code.id] - _labelled(code, unlabelled) for code in variant.codes)
            redraws += variant.redraws
            if variant.redraws:
                name = variant_name(variant.chain, plan.names[variant.image_id])
                log.info("%s/%s: drawn again, %d fields folded over the code", plan.folder.name, name, variant.redraws)
    return WarpCounts(sum(map(len, made)), sum(plan.there for plan in plans), left, redraws)


def _labelled(code: Code, unlabelled: Sequence[int]) -> int:
    return int((~np.isin(code.keypoints[:, 2], unlabelled)).sum())
