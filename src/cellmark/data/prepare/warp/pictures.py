"""Writes the pictures of variants, in several processes."""

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cellmark.data.images import read_image
from cellmark.data.prepare.warp.entries import Variant
from cellmark.data.prepare.warp.plan import FolderPlan, Request
from cellmark.data.prepare.warp.steps import Picture
from cellmark.data.prepare.warp.variants import Chain, make_variants, settings_of, variant_name
from cellmark.data.processes import map_in_processes
from cellmark.data.records import ImageRecord
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.progress import progress_bar


@dataclass(frozen=True)
class _Job:
    """One picture, and the variants to make of it in ``target``."""

    record: ImageRecord
    folder: str
    file_name: str
    target: Path
    chains: Sequence[Chain]
    request: Request


def write_pictures(
    plans: Sequence[FolderPlan], targets: Sequence[Path], request: Request, workers: int | None
) -> Generator[list[Variant], None, None]:
    """Writes the missing variants of every folder, with a bar on a terminal.

    Args:
        plans: the folders.
        targets: for each of them, the folder in which the new pictures are put.
        request: settings and seed.
        workers: processes; None = one for each core that may be used.

    Yields:
        The variants of each folder, when the last of them is written.

    Raises:
        CellmarkError: a random field folds however often it is drawn, or a file is in the way.
    """
    jobs = [
        _Job(record, plan.folder.name, plan.names[record.id], target, plan.missing[record.id], request)
        for plan, target in zip(plans, targets, strict=True)
        for record in plan.originals
    ]
    done, total = 0, sum(plan.count for plan in plans)
    with progress_bar() as update, closing(map_in_processes(_write_variants, jobs, workers)) as written:
        for plan in plans:
            variants: list[Variant] = []
            for _ in plan.originals:
                variants += next(written)
                update(f"warping {plan.folder.name}", done + len(variants), total)
            done += len(variants)
            yield variants


def _write_variants(job: _Job) -> list[Variant]:
    request = job.request
    original = Picture(read_image(job.record.path), job.record.codes, request.unlabelled)
    key = (request.seed, job.folder, job.file_name)
    variants: list[Variant] = []
    try:
        for chain, picture in make_variants(original, job.chains, key, request.settings):
            path = job.target / variant_name(chain, job.file_name)
            if os.path.lexists(path):
                raise CellmarkError(f"{path}: is in the way of a variant; nothing is overwritten")
            write_image(path, picture.image)
            made_with = settings_of(chain, request.seed, request.settings)
            variants.append(Variant(job.record.id, chain, made_with, picture.codes, picture.redraws))
    except CellmarkError as error:
        raise CellmarkError(f"{job.record.path}: {error}") from error
    return variants
