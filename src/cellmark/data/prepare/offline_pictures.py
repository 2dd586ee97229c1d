"""Writes the pictures of an offline set, in several processes."""

import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cellmark.data.images import read_image
from cellmark.data.prepare.offline_entries import Variant
from cellmark.data.prepare.steps import Picture, Settings
from cellmark.data.prepare.variants import Chain, make_variants, variant_name
from cellmark.data.processes import map_in_processes
from cellmark.data.records import ImageRecord
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.progress import progress_bar


@dataclass(frozen=True)
class Job:
    """One picture to copy, and its variants to make.

    Attributes:
        record: the original.
        folder: name of its folder.
        file_name: its name in that folder, as the COCO file states it.
        target: the new folder.
        chains: the variants.
        seed: seed of all randomness.
        settings: how strong the steps are.
    """

    record: ImageRecord
    folder: str
    file_name: str
    target: Path
    chains: Sequence[Chain]
    seed: int
    settings: Settings


def write_pictures(jobs: Sequence[Job], workers: int | None) -> Generator[list[Variant], None, None]:
    """Copies the pictures and writes their variants, with a bar on a terminal.

    Args:
        jobs: the pictures.
        workers: processes; None = one for each core that may be used.

    Yields:
        The variants of each picture, in the order of the jobs.
    """
    with progress_bar() as update, closing(map_in_processes(_write_picture, jobs, workers)) as written:
        for done, variants in enumerate(written, start=1):
            yield variants
            update("warping", done, len(jobs))


def _write_picture(job: Job) -> list[Variant]:
    """Copies a picture and writes its variants."""
    copy = job.target / job.file_name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(job.record.path, copy)
    if not job.chains:
        return []
    original = Picture(read_image(job.record.path), job.record.codes)
    key = (job.seed, job.folder, job.file_name)
    variants: list[Variant] = []
    try:
        for chain, picture in make_variants(original, job.chains, key, job.settings):
            write_image(job.target / variant_name(chain, job.file_name), picture.image)
            variants.append(Variant(job.record.id, chain, picture.codes, picture.redraws))
    except CellmarkError as error:
        raise CellmarkError(f"{job.record.path}: {error}") from error
    return variants
