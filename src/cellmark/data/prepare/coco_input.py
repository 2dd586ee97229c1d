"""The COCO file that a verb starts from: its sound images, and everything that it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cellmark.data.annotations import Visibility
from cellmark.data.coco import ANNOTATIONS, OnDecoded, read_folder
from cellmark.data.file_names import absent, leaves
from cellmark.data.json_entries import load_object
from cellmark.data.prepare.unchanged import unchanged
from cellmark.data.records import Folder, ImageRecord, Problem
from cellmark.errors import CellmarkError

Values = Mapping[str, Any]


@dataclass(frozen=True)
class CocoInput:
    """A COCO file beside its images.

    Attributes:
        file: the COCO file.
        folder: what is sound in it.
        problems: everything that is wrong.
        content: of the file, with all keys; nothing where it is unusable.
    """

    file: Path
    folder: Folder
    problems: list[Problem]
    content: Values

    @cached_property
    def images(self) -> dict[int, Values]:
        """The entries of images by their ids, of which those of sound images are certain."""
        return by_id(self.content, "images")

    @cached_property
    def records(self) -> dict[str, ImageRecord]:
        """The sound images by their file names, in the order of the file."""
        return {str(self.images[record.id]["file_name"]): record for record in self.folder.images}

    @property
    def total(self) -> int:
        """Number of all images, sound or not."""
        return len(self.folder.images) + len(self.folder.left_out)


def read_coco(file: Path, visibility_to_class: Visibility, on_decoded: OnDecoded | None = None) -> CocoInput:
    """Reads a COCO file and decodes its images; every problem is noted.

    Args:
        file: the COCO file, which lies beside its images.
        visibility_to_class: v -> class index, or None.
        on_decoded: told after every decoded image.

    Raises:
        CellmarkError: somebody has changed the file meanwhile, so that its parts do not belong together.
    """
    with unchanged(file):
        folder, problems = read_folder(file.parent, visibility_to_class, annotations=file.name, on_decoded=on_decoded)
        content = content_of(file)
    return CocoInput(file, folder, problems, content)


def folder_of(source: Path) -> Path:
    """The folder of the images: ``source`` itself, or the one that the file ``source`` lies in.

    Raises:
        CellmarkError: there is neither.
    """
    if source.is_dir():
        return source
    if not source.is_file():
        raise CellmarkError(f"{source}: no such file or folder")
    return source.parent


def coco_file(source: Path) -> Path:
    """The COCO file that ``source`` names: itself, or ``annotations.json`` in it."""
    return source / ANNOTATIONS if folder_of(source) == source else source


def content_of(file: Path) -> Values:
    """The content of a COCO file that `cellmark.data.coco.read_folder` has read; nothing where it is unusable."""
    if leaves(file.parent, file) or absent(file):
        return {}
    content, _ = load_object(file)
    return content


def objects(content: Values, key: str) -> Iterator[Values]:
    """The objects of the list under ``key`` of a JSON object; nothing where there is no list."""
    items = content.get(key)
    yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))


def by_id(content: Values, key: str) -> dict[int, Values]:
    """The objects of the list under ``key`` by their ids; those of a sound record are found, whatever the others."""
    return {entry["id"]: entry for entry in objects(content, key) if type(entry.get("id")) is int}
