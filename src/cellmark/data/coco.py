"""Reads folders of COCO keypoints and reports every problem of them in one pass.

Nothing that a file contains makes the reader raise, and no file outside the data root is ever opened.
An image with any problem, its own or one of its annotations', is left out whole: training on half of its
cells would teach that the other half is background. For the same reason images without a code are left out
of a folder where an annotation belongs to no known image: it may be theirs. Of records that share an id or a
file, all are left out, because nothing tells which one is right.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cellmark.data.annotations import Visibility, classes_of, parse_code, resolve_visibility
from cellmark.data.file_names import absent, leaves, unsafe
from cellmark.data.images import list_images, read_image
from cellmark.data.json_entries import Entry, load_object, printable, shown
from cellmark.data.records import Code, Folder, ImageRecord, Problem
from cellmark.errors import CellmarkError

__all__ = [
    "ANNOTATIONS",
    "Visibility",
    "classes_of",
    "read_folder",
    "read_folders",
    "resolve_visibility",
]

ANNOTATIONS = "annotations.json"
OnDecoded = Callable[[str, int, int], None]  # folder name, images decoded so far, images in all


def read_folder(
    path: Path,
    visibility_to_class: Visibility,
    *,
    annotations: str = ANNOTATIONS,
    decode: bool = True,
    on_decoded: OnDecoded | None = None,
) -> tuple[Folder, list[Problem]]:
    """Reads one folder of images with its COCO file.

    Args:
        path: the folder.
        visibility_to_class: v -> class index, or None for "not labelled", see `resolve_visibility`.
        annotations: name of the COCO file in the folder.
        decode: also decode every image, in threads, and compare its size with the stated one.
        on_decoded: told after every decoded image.

    Returns:
        The folder with the images that have no problem, and every problem found.
    """
    reader = _FolderReader(path, path / annotations, visibility_to_class)
    reader.read()
    if decode:
        reader.decode(on_decoded)
    return Folder(path.name or path.resolve().name, path, reader.good()), reader.problems


def read_folders(
    root: Path,
    visibility_to_class: Visibility,
    *,
    annotations: str = ANNOTATIONS,
    decode: bool = True,
    on_decoded: OnDecoded | None = None,
) -> tuple[list[Folder], list[Problem]]:
    """Reads every sub-folder of ``root`` that holds a COCO file, by name; the arguments are `read_folder`'s.

    Hidden folders are ignored, and so are folders with neither a COCO file nor images.

    Returns:
        The folders, and every problem found; a root without any such folder is one.
    """
    if not root.is_dir():
        return [], [Problem(root, "", "not a folder" if root.exists() else "no such folder")]
    try:
        paths = sorted(root.iterdir())
    except OSError as error:
        return [], [Problem(root, "", f"cannot be listed: {error.strerror}")]
    folders: list[Folder] = []
    problems: list[Problem] = []
    for path in paths:
        if path.name.startswith(".") or not path.is_dir():
            continue
        if reason := leaves(root, path):
            problems.append(Problem(path, "", reason))
        elif os.path.lexists(path / annotations):
            folder, found = read_folder(
                path, visibility_to_class, annotations=annotations, decode=decode, on_decoded=on_decoded
            )
            folders.append(folder)
            problems += found
        elif list_images(path):
            problems.append(Problem(path, "", f"holds images but no {annotations}"))
    if not folders and not problems:
        hint = "; it holds one itself: give the folder above it" if (root / annotations).is_file() else ""
        problems.append(Problem(root, "", f"no folder in it holds an {annotations}{hint}"))
    return folders, problems


@dataclass(frozen=True)
class _Picture:
    """An entry of ``images`` as far as it could be read; None for what is wrong or missing."""

    entry: Entry
    id: int | None
    path: Path | None
    width: int | None
    height: int | None


@dataclass
class _FolderReader:
    """Collects the records and the problems of one folder."""

    folder: Path
    file: Path
    visibility: Visibility
    problems: list[Problem] = field(default_factory=list)
    pictures: list[_Picture] = field(default_factory=list)
    records: dict[int, ImageRecord] = field(default_factory=dict)
    codes: dict[int, list[Code]] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)  # ids of images to leave out
    strays: bool = False  # some annotation belongs to no known image

    def read(self) -> None:
        """Reads the COCO file."""
        content = self._load()
        if content is None:
            return
        top = Entry(self.file, "", content, self.problems)
        lists = {key: self._list(top, key) for key in ("images", "categories", "annotations")}
        self._read_images(lists["images"] or [])
        self._read_annotations(lists["annotations"], self._category_ids(lists["categories"]))

    def decode(self, on_decoded: OnDecoded | None) -> None:
        """Decodes every image that is there, whatever else is wrong with it."""
        pictures = [picture for picture in self.pictures if picture.path is not None]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for done, (picture, reason) in enumerate(
                zip(pictures, pool.map(_decoding_problem, pictures), strict=True), start=1
            ):
                if reason is not None:
                    picture.entry.note(reason, picture.path)
                    self._spoil(picture.id)
                if on_decoded is not None:
                    on_decoded(self.folder.name, done, len(pictures))

    def good(self) -> tuple[ImageRecord, ...]:
        """The images without any problem, with their codes, in the order of the file."""
        return tuple(
            replace(record, codes=tuple(self.codes.get(image_id, ())))
            for image_id, record in self.records.items()
            if image_id not in self.bad and (image_id in self.codes or not self.strays)
        )

    def _load(self) -> Mapping[str, Any] | None:
        if not self.folder.is_dir():
            reason: str | None = "not a folder" if self.folder.exists() else "no such folder"
            self.problems.append(Problem(self.folder, "", reason or ""))
            return None
        reason = leaves(self.folder, self.file) or absent(self.file)
        content: Mapping[str, Any] = {}
        if reason is None:
            content, reason = load_object(self.file)
        if reason is not None:
            self.problems.append(Problem(self.file, "", reason))
            return None
        return content

    def _list(self, top: Entry, key: str) -> list[Any] | None:
        value = top.required(key)
        if isinstance(value, list):
            return value
        if key in top.values:
            top.note(f"{key} is {shown(value)}, not a list")
        return None

    def _entries(self, key: str, items: list[Any], noun: str) -> Iterator[Entry]:
        """The objects of a list, each under the name that its problems are reported by."""
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                place = Entry(self.file, f"{key}[{index}]", {}, self.problems)
                place.note(f"is {shown(item)}, not an object")
                continue
            known = type(item.get("id")) is int
            record = f"{noun} {shown(item['id'])}" if known else f"{key}[{index}]"
            name = item.get("file_name") if noun == "image" else None
            record += f" ({printable(name)[:200]})" if isinstance(name, str) else ""
            yield Entry(self.file, record, item, self.problems)

    def _category_ids(self, items: list[Any] | None) -> set[int] | None:
        """None when there is no list, so that its absence is not reported once per annotation."""
        if items is None:
            return None
        ids: set[int] = set()
        for entry in self._entries("categories", items, "category"):
            category_id = entry.integer("id")
            if category_id in ids:
                entry.note("its id is taken by an earlier category")
            if category_id is not None:
                ids.add(category_id)
        return ids

    def _read_images(self, items: list[Any]) -> None:
        by_id: dict[int, Entry] = {}
        by_path: dict[Path, _Picture] = {}
        for entry in self._entries("images", items, "image"):
            before = len(self.problems)
            image_id = entry.integer("id")
            width, height, path = entry.positive("width"), entry.positive("height"), self._image_path(entry)
            picture = _Picture(entry, image_id, path, width, height)
            if image_id is not None and by_id.setdefault(image_id, entry) is not entry:
                entry.note(f"its id is taken by {by_id[image_id].record}")
            other = picture if path is None else by_path.setdefault(path.resolve(), picture)
            if other is not picture:
                entry.note(f"its file is the one of {other.entry.record}")
                self._spoil(other.id)
            self.pictures.append(picture)
            if image_id is not None and width is not None and height is not None and path is not None:
                self.records.setdefault(image_id, ImageRecord(image_id, path, width, height))
            if len(self.problems) > before:
                self._spoil(image_id)

    def _image_path(self, entry: Entry) -> Path | None:
        """The image file, if it is named safely and there."""
        name = entry.required("file_name")
        if "file_name" not in entry.values:
            return None
        if not isinstance(name, str):
            entry.note(f"file_name is {shown(name)}, not a string")
            return None
        path = self.folder / name
        if reason := unsafe(name) or leaves(self.folder, path):
            entry.note(f"file_name {shown(name)} {reason}")
            return None
        if reason := absent(path):
            entry.note(reason, self.folder / printable(name))
            return None
        return path

    def _read_annotations(self, items: list[Any] | None, categories: set[int] | None) -> None:
        self.strays = items is None or not all(isinstance(item, dict) for item in items)
        sizes = {picture.id: _size(picture) for picture in self.pictures}
        owners: dict[int, int | None] = {}
        for entry in self._entries("annotations", items or [], "annotation"):
            before = len(self.problems)
            image_id, category_id = entry.integer("image_id"), entry.integer("category_id")
            self.strays |= image_id is None or image_id not in sizes
            if image_id is not None and image_id not in sizes:
                entry.note(f"image_id {shown(image_id)} is not in images")
            if categories is not None and category_id is not None and category_id not in categories:
                entry.note(f"category_id {shown(category_id)} is not in categories")
            code = parse_code(entry, sizes.get(image_id), self.visibility)
            annotation_id = entry.values.get("id")
            if type(annotation_id) is int:
                if annotation_id in owners:
                    entry.note("its id is taken by an earlier annotation")
                    self._spoil(owners[annotation_id])
                owners.setdefault(annotation_id, image_id)
            if len(self.problems) > before:
                self._spoil(image_id)
            elif code is not None and image_id is not None:
                self.codes.setdefault(image_id, []).append(code)

    def _spoil(self, image_id: int | None) -> None:
        if image_id is not None:
            self.bad.add(image_id)


def _size(picture: _Picture) -> tuple[int, int] | None:
    return None if picture.width is None or picture.height is None else (picture.width, picture.height)


def _decoding_problem(picture: _Picture) -> str | None:
    if picture.path is None:
        return None
    try:
        height, width = read_image(picture.path).shape[:2]
    except CellmarkError as error:
        return str(error).removeprefix(f"{picture.path}: ")
    if _size(picture) in (None, (width, height)):
        return None
    return f"has {width} x {height} pixels, but the JSON states {picture.width} x {picture.height}"
