"""Reads folders of COCO keypoints and reports every problem of them in one pass.

Nothing that a file contains makes the reader raise, and no file outside the data root is ever opened.
An image with any problem, its own or one of its annotations', is left out whole: training on half of its
cells would teach that the other half is background. For the same reason images without a code are left out
of a folder where an annotation belongs to no known image: it may be theirs. Of records that share an id or a
file, all are left out, because nothing tells which one is right.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

from cellmark.data import index_store
from cellmark.data.annotations import Visibility, resolve_visibility
from cellmark.data.file_names import FileState, absent, leaves, state_of
from cellmark.data.image_files import ImageFile, decode_images, find_images
from cellmark.data.images import list_images
from cellmark.data.index import Index, lost_index, read_index
from cellmark.data.json_entries import printable
from cellmark.data.records import Code, Folder, ImageRecord, LeftOut, Problem

__all__ = [
    "ANNOTATIONS",
    "Reading",
    "Visibility",
    "read_folder",
    "read_folders",
    "resolve_visibility",
]

ANNOTATIONS = "annotations.json"
OnDecoded = Callable[[str, int, int], None]  # folder name, images decoded so far, images to decode
OnRead = Callable[[str, int, int | None], None]  # folder name, objects of its COCO file read so far, and of how many


class Reading(TypedDict, total=False):
    """How folders are read: keyword arguments of `read_folder`, which says what they mean."""

    annotations: str
    decode: bool
    cache: bool
    renew: bool


def read_folder(
    path: Path,
    visibility_to_class: Visibility,
    *,
    annotations: str = ANNOTATIONS,
    decode: bool = True,
    on_decoded: OnDecoded | None = None,
    on_read: OnRead | None = None,
    cache: bool = False,
    renew: bool = False,
) -> tuple[Folder, list[Problem]]:
    """Reads one folder of images with its COCO file.

    Args:
        path: the folder.
        visibility_to_class: v -> class index, or None for "not labelled", see `resolve_visibility`.
        annotations: name of the COCO file in the folder.
        decode: also decode every image, in threads, and compare its size with the stated one.
        on_decoded: told after every image that was decoded.
        on_read: told while the COCO file is read.
        cache: keep what was found for the next time, see `cellmark.data.index_store`, and read only files that
            have changed since the last. The answer is the same.
        renew: with ``cache``, read every file nevertheless.

    Returns:
        The folder with the images that have no problem and those left out, and every problem found.
    """
    begun, file, name = time.time_ns(), path / annotations, path.name or path.resolve().name
    reason = _refused(path, file)
    if reason is not None:
        at = file if os.path.isdir(path) else path
        return _assembled(path, name, at, lost_index(at, reason), [])
    key = index_store.Key(str(path.resolve()), annotations, visibility_to_class)
    stored = index_store.load(key, file) if cache and not renew else None
    state = state_of(file)
    if stored is not None and stored.index is not None and stored.state == state:
        index = stored.index
    else:
        index = read_index(file, visibility_to_class, on_read and partial(on_read, name))
    images = find_images(path, file, index.pictures)
    known = {} if stored is None else stored.decoded
    if decode:
        decode_images(images, known, on_decoded and partial(on_decoded, name))
    if cache and index.lost is None:
        _keep(key, stored, state, index, images, begun)
    return _assembled(path, name, file, index, images)


def read_folders(
    root: Path,
    visibility_to_class: Visibility,
    *,
    on_decoded: OnDecoded | None = None,
    on_read: OnRead | None = None,
    **how: Unpack[Reading],
) -> tuple[list[Folder], list[Problem]]:
    """Reads every sub-folder of ``root`` that holds a COCO file, by name; the arguments are `read_folder`'s.

    Hidden folders are ignored, and so are folders with neither a COCO file nor images. A folder that is there under
    two names is read once: with its images in two folds, a network would be tested on what it was trained on.

    Returns:
        The folders, and every problem found; a root without any such folder is one.
    """
    annotations = how.get("annotations", ANNOTATIONS)
    if not os.path.isdir(root):
        return [], [Problem(root, "", "not a folder" if os.path.lexists(root) else "no such folder")]
    try:
        paths = sorted(path for path in root.iterdir() if not path.name.startswith(".") and os.path.isdir(path))
    except OSError as error:
        return [], [Problem(root, "", f"cannot be listed: {error.strerror}")]
    folders: list[Folder] = []
    problems: list[Problem] = []
    found: tuple[Folder, list[Problem]] | None
    for path, first in zip(paths, _first_names(paths), strict=True):
        if reason := leaves(root, path) or _read_already(path, first, annotations):
            problems.append(Problem(path, "", reason))
            continue
        if os.path.lexists(path / annotations):
            found = read_folder(path, visibility_to_class, on_decoded=on_decoded, on_read=on_read, **how)
        else:
            found = _without_annotations(path, annotations)
        if found is not None:
            folders.append(found[0])
            problems += found[1]
    if not folders and not problems:
        hint = "; it holds one itself: give the folder above it" if os.path.isfile(root / annotations) else ""
        problems.append(Problem(root, "", f"no folder in it holds an {annotations}{hint}"))
    return folders, problems


def _first_names(paths: Sequence[Path]) -> list[Path]:
    """Under which name each folder is read: of several of one folder the first, and a link only where all are links."""
    first: dict[str, Path] = {}
    for path in sorted(paths, key=os.path.islink):
        first.setdefault(os.path.realpath(path), path)
    return [first[os.path.realpath(path)] for path in paths]


def _read_already(path: Path, first: Path, annotations: str) -> str | None:
    """Why a folder is not read under this name; None where it is to be read, or has nothing to do with the data."""
    if path == first or not (os.path.lexists(path / annotations) or _without_annotations(path, annotations)):
        return None
    return f"is the same folder as {printable(first.name)}"


def _without_annotations(folder: Path, annotations: str) -> tuple[Folder, list[Problem]] | None:
    """What to say of a folder without a COCO file; None where it has nothing to do with the data."""
    try:
        reason = f"holds images but no {annotations}" if list_images(folder) else None
    except OSError as error:
        reason = f"cannot be listed: {error.strerror}"
    return _assembled(folder, folder.name, folder, lost_index(folder, reason), []) if reason else None


def _refused(folder: Path, file: Path) -> str | None:
    """Why the COCO file is not to be opened."""
    if not os.path.isdir(folder):
        return "not a folder" if os.path.lexists(folder) else "no such folder"
    return leaves(folder, file) or absent(file)


def _keep(
    key: index_store.Key,
    stored: index_store.Stored | None,
    state: FileState | None,
    index: Index,
    images: Sequence[ImageFile],
    begun: int,
) -> None:
    """Stores what was found, unless that is known already. Files that have only just changed are not trusted."""
    decoded = {} if stored is None else dict(stored.decoded)
    names = {image.picture.name for image in images}
    decoded = {name: each for name, each in decoded.items() if name in names}
    for image in images:
        if image.picture.name is not None and image.decoded is not None:
            if index_store.settled(image.decoded.state, begun):
                decoded[image.picture.name] = image.decoded
            else:
                decoded.pop(image.picture.name, None)
    trusted = state is not None and index_store.settled(state, begun)
    new = index_store.Stored(state if trusted else None, index if trusted else None, decoded)
    if stored is None or (new.state, new.decoded) != (stored.state, stored.decoded):
        index_store.save(key, new)


def _assembled(
    folder: Path, name: str, file: Path, index: Index, images: Sequence[ImageFile]
) -> tuple[Folder, list[Problem]]:
    """Puts together what the COCO file says and what its images are like."""
    codes: dict[int, list[Code]] = {}
    for image_id, code in index.codes:
        codes.setdefault(image_id, []).append(code)
    records: list[ImageRecord] = []
    left_out = [LeftOut(path, None, "", (index.lost,)) for path in _pictures(folder)] if index.lost else []
    for image in images:
        picture = image.picture
        reasons = [*picture.reasons, *image.reasons]
        if not reasons and picture.id not in codes and index.stray is not None:
            reasons.append(f"it has no code, and {index.stray}")
        if not reasons:
            records.append(_record(image, codes))
        else:
            left_out.append(LeftOut(image.file, picture.id, picture.record, tuple(reasons)))
    problems = [*index.problems, *(problem for image in images for problem in image.problems)]
    return Folder(name, folder, tuple(records), tuple(left_out)), problems


def _record(image: ImageFile, codes: Mapping[int, Sequence[Code]]) -> ImageRecord:
    """The record of an image against which there is nothing."""
    picture, found = image.picture, image.found
    if picture.id is None or picture.width is None or picture.height is None or found is None:
        raise AssertionError(f"{picture.record}: what is missing was not noted")
    return ImageRecord(picture.id, found.path, picture.width, picture.height, tuple(codes.get(picture.id, ())))


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a folder of which nothing else is known."""
    try:
        return list_images(folder)
    except OSError:  # it has a problem already
        return []
