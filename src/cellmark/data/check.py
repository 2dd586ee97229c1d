"""Checking a whole data root, and loading it for training on condition that it is sound."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

import numpy as np

from cellmark.data.annotations import Visibility, cells_of
from cellmark.data.coco import ANNOTATIONS, Reading, read_folders
from cellmark.data.records import Folder, Problem
from cellmark.errors import CellmarkError
from cellmark.progress import progress_bar

MOST_LISTED = 20  # problems in one error message; `dataset_check` prints them all

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderCounts:
    """What a folder holds, problems left out.

    Attributes:
        name: the folder.
        images: sound images.
        codes: annotated codes on them.
        cells: labelled cells per class, in the order of the classes.
        not_labelled: keypoints without a class.
    """

    name: str
    images: int
    codes: int
    cells: tuple[int, ...]
    not_labelled: int


def check(
    root: Path,
    visibility_to_class: Visibility,
    **how: Unpack[Reading],
) -> tuple[list[Folder], list[Problem]]:
    """Reads every folder below ``root`` and every image in it, with a progress bar on a terminal.

    Args:
        root: the folder of folders.
        visibility_to_class: v -> class index, or None for "not labelled".
        how: as `read_folder` takes it.

    Returns:
        The folders with the images that are sound, and every problem found.
    """
    file = how.get("annotations", ANNOTATIONS)
    with progress_bar() as update:
        return read_folders(
            root,
            visibility_to_class,
            on_decoded=lambda folder, done, total: update(f"checking {folder}", done, total),
            on_read=lambda folder, done, total: update(f"reading {folder}/{file}", done, total),
            **how,
        )


def load_root(
    root: Path,
    visibility_to_class: Visibility,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    or_else: str = "",
    **how: Unpack[Reading],
) -> list[Folder]:
    """Loads every folder below ``root`` that holds a sound image.

    Args:
        root: the folder of folders.
        visibility_to_class: v -> class index, or None for "not labelled".
        on_error: "raise" refuses a root with any problem; "skip" leaves out the images that have one,
            and logs which and why.
        or_else: what else the user may do where problems are refused, for the message.
        how: as `read_folder` takes it.

    Raises:
        CellmarkError: there is a problem and ``on_error`` is "raise", or not one sound image is left.
    """
    if on_error not in ("raise", "skip"):
        raise CellmarkError(f"data.on_error is {on_error!r}, not 'raise' or 'skip'")
    folders, problems = check(root, visibility_to_class, **how)
    if problems and on_error == "raise":
        raise CellmarkError(f"{_summary(root, problems)}\nRepair them ('cellmark dataset_check' lists all){or_else}.")
    sound = [folder for folder in folders if folder.images]
    if not sound:
        reason = _summary(root, problems) if problems else f"{root}: its folders hold no image"
        raise CellmarkError(f"{reason}\nNothing is left to load.")
    if problems:
        log.warning("%s", _skipped(root, folders, problems))
    return sound


def count(folder: Folder, visibility_to_class: Visibility) -> FolderCounts:
    """Counts the images, codes and cells of a folder."""
    codes = sum(len(image.codes) for image in folder.images)
    indices = [index for index in visibility_to_class.values() if index is not None]
    found = [cells_of(image, visibility_to_class)[1] for image in folder.images]
    labels = np.concatenate([np.empty(0, np.int64), *found])
    cells = np.bincount(labels[labels >= 0], minlength=max(indices, default=-1) + 1)
    return FolderCounts(folder.name, len(folder.images), codes, tuple(cells.tolist()), int((labels < 0).sum()))


def _skipped(root: Path, folders: Sequence[Folder], problems: Sequence[Problem]) -> str:
    """Every problem, and every image that is left out because of them."""
    kept = sum(len(folder.images) for folder in folders)
    lost = [str(image) for folder in folders for image in folder.left_out]
    head = f"{root}: {len(problems)} problems, {kept} sound images kept, {len(lost)} left out. Problems:"
    lines = [head, *map(str, problems), *(["Left out:", *lost] if lost else [])]
    return "\n".join(lines)


def _summary(root: Path, problems: Sequence[Problem]) -> str:
    listed = [str(problem) for problem in problems[:MOST_LISTED]]
    if len(problems) > MOST_LISTED:
        listed.append(f"... and {len(problems) - MOST_LISTED} more")
    noun = "problem" if len(problems) == 1 else "problems"
    return "\n  ".join([f"{root}: {len(problems)} {noun} in the data:", *listed])
