"""The COCO-like file with the grids."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from cellmark.data.file_names import absent
from cellmark.data.json_entries import Entry, RepeatedKeys, load_object, object_of, shown
from cellmark.data.prepare.convert.grids import UNDECIDABLE, Finder, find_finder, parse_grid
from cellmark.data.records import Problem


@dataclass(frozen=True)
class GridRecord:
    """An annotation of the file with the grids.

    Attributes:
        entry: where its problems are noted.
        id: its id, None if it is not sound.
        grid: bool (rows, cols) as it is in the file, None if it is not sound.
        finder: what its finder tells, None if anything in the annotation is wrong.
    """

    entry: Entry
    id: int | None
    grid: np.ndarray | None
    finder: Finder | None


@dataclass
class GridFile:
    """What the file with the grids holds.

    Attributes:
        path: the file.
        problems: everything that is wrong in it.
        by_name: the annotations of each image, by its plain file name.
        spoiled: plain file names of images whose own entry is wrong.
    """

    path: Path
    problems: list[Problem] = field(default_factory=list)
    by_name: dict[str, list[GridRecord]] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)


def plain(file_name: str) -> str:
    """A file name without what makes no difference, such as the first part of ``./a.png``."""
    return str(PurePosixPath(file_name))


def read_grid_file(path: Path) -> GridFile:
    """Reads the file with the grids; every problem of it is noted."""
    file = GridFile(path)
    if reason := absent(path):
        file.problems.append(Problem(path, "", reason))
        return file
    content, reason = load_object(path, object_of)
    if reason is not None:
        file.problems.append(Problem(path, "", reason))
        return file
    top = Entry(path, "", content, file.problems)
    _note_repeated(top)
    names: dict[int, str] = {}
    for entry in _entries(file, "images", top, "image"):
        _add_image(file, names, entry)
    owners: dict[int, str] = {}
    for entry in _entries(file, "annotations", top, "annotation"):
        _add_annotation(file, names, owners, entry)
    return file


def _entries(file: GridFile, key: str, top: Entry, noun: str) -> Iterator[Entry]:
    items = top.required(key)
    if key in top.values and not isinstance(items, list):
        top.note(f"{key} is {shown(items)}, not a list")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, dict):
            Entry(file.path, f"{key}[{index}]", {}, file.problems).note(f"is {shown(item)}, not an object")
            continue
        known = type(item.get("id")) is int
        record = f"{noun} {shown(item['id'])}" if known else f"{key}[{index}]"
        yield Entry(file.path, record, item, file.problems)


def _note_repeated(entry: Entry) -> None:
    """Of equal keys JSON readers take the last; here nothing tells which one is right."""
    if isinstance(entry.values, RepeatedKeys):
        keys = ", ".join(map(shown, entry.values.keys_twice))
        entry.note(f"{keys} stands more than once in this object")


def _add_image(file: GridFile, names: dict[int, str], entry: Entry) -> None:
    before = len(file.problems)
    _note_repeated(entry)
    image_id, name = entry.integer("id"), entry.required("file_name")
    if "file_name" in entry.values and not isinstance(name, str):
        entry.note(f"file_name is {shown(name)}, not a string")
    if not isinstance(name, str):
        return
    name = plain(name)
    if name in file.by_name:
        entry.note(f"file_name {shown(name)} is taken by an earlier image")
    file.by_name.setdefault(name, [])
    if image_id is not None and names.setdefault(image_id, name) != name:
        entry.note("its id is taken by an earlier image")
        file.spoiled.add(names[image_id])
    if len(file.problems) > before:
        file.spoiled.add(name)


def _add_annotation(file: GridFile, names: dict[int, str], owners: dict[int, str], entry: Entry) -> None:
    before = len(file.problems)
    _note_repeated(entry)
    annotation_id, image_id = entry.integer("id"), entry.integer("image_id")
    name = None if image_id is None else names.get(image_id)
    if image_id is not None and name is None:
        entry.note(f"image_id {shown(image_id)} is not in images")
    grid = parse_grid(entry)
    finder = None if grid is None else find_finder(grid)
    if grid is not None and finder is None:
        entry.note(UNDECIDABLE)
    if annotation_id in owners:
        entry.note("its id is taken by an earlier annotation")
        file.spoiled.add(owners[annotation_id])
    if name is None:
        return
    if annotation_id is not None:
        owners.setdefault(annotation_id, name)
    sound = len(file.problems) == before
    file.by_name[name].append(GridRecord(entry, annotation_id, grid, finder if sound else None))
