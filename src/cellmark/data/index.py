"""What a COCO file says, read in one pass, whatever the images are like that it names.

An image with any problem, its own or one of its annotations', has reasons to be left out.
"""

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellmark.data.annotations import Visibility, classes_of, pack_keypoints, parse_code
from cellmark.data.json_entries import Entry, RepeatedKeys, load_object, printable, shown
from cellmark.data.records import CATEGORY, Code, Problem

OnRead = Callable[[int, int | None], None]  # objects read so far, and of how many where that is known
OFTEN = 256  # objects of the file between two words of progress

_NO_LETTER = re.compile(r"[\W_]")


@dataclass
class Picture:
    """An entry of ``images``.

    Attributes:
        record: its name in messages.
        id: its id; None where it is wrong or missing, as with the next three.
        name: its file name, not checked for safety.
        width: pixels along x, as stated.
        height: pixels along y, as stated.
        reasons: why it has to be left out; none if nothing in the COCO file is against it.
    """

    record: str
    id: int | None
    name: str | None
    width: int | None
    height: int | None
    reasons: list[str] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, where both are known."""
        return None if self.width is None or self.height is None else (self.width, self.height)


@dataclass
class Index:
    """The content of a COCO file.

    Attributes:
        pictures: the entries of ``images``, those with problems too.
        codes: the annotations without a problem, each with the id of its image.
        problems: everything that is wrong with the file.
        lost: why the file does not say which images there are; None if it does.
        stray: an annotation that may be of any image; None if there is none.
    """

    pictures: list[Picture] = field(default_factory=list)
    codes: list[tuple[int, Code]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lost: str | None = None
    stray: str | None = None


def lost_index(file: Path, reason: str) -> Index:
    """The index of a COCO file that cannot be read."""
    return Index(problems=[Problem(file, "", reason)], lost=f"{printable(file.name)}: {reason}")


def read_index(file: Path, visibility_to_class: Visibility, on_read: OnRead | None = None) -> Index:
    """Reads a COCO file, which is known to be there and to lie where it may be read.

    Args:
        file: the COCO file.
        visibility_to_class: v -> class index, or None for "not labelled".
        on_read: told now and then: of the parsing of the file, then of the check of its annotations.
    """
    told, done = on_read or (lambda done, total: None), 0
    told(0, None)

    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal done
        done += 1
        if done % OFTEN == 0:
            told(done, None)
        return pack_keypoints(pairs)

    with _no_collection():  # nothing of the file is garbage before it is read
        content, reason = load_object(file, hook)
    if reason is not None:
        return lost_index(file, reason)
    reader = _Reader(file, visibility_to_class, told, Index())
    reader.read(content)
    return reader.index


@contextmanager
def _no_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass
class _Reader:
    """Fills an index."""

    file: Path
    visibility: Visibility
    told: OnRead
    index: Index
    by_id: dict[int, list[Picture]] = field(default_factory=dict)

    def read(self, content: Mapping[str, Any]) -> None:
        top = Entry(self.file, "", content, self.index.problems)
        _note_repeated(top)
        lists = {key: self._list(top, key) for key in ("images", "categories", "annotations")}
        if lists["images"] is None:
            self.index.lost = f"{printable(self.file.name)}: it holds no list of images"
        if lists["annotations"] is None:
            self.index.stray = "of annotations there is no list"
        for entry in self._entries("images", lists["images"] or [], "image"):
            self._read_picture(entry)
        categories = self._categories(lists["categories"])
        if categories and lists["annotations"] and not any(categories.values()):
            top.note(f"categories: of {len(categories)} none is called {CATEGORY['name']}")
        annotations, owners = lists["annotations"] or [], dict[int, int | None]()
        for done, entry in enumerate(self._entries("annotations", annotations, "annotation")):
            self._read_annotation(entry, categories, owners)
            if done % OFTEN == 0:
                self.told(done, len(annotations))
        self._compare_codes()

    def _compare_codes(self) -> None:
        """Of two codes of an image with a cell at exactly one place, one is there twice."""
        by_image: dict[int, list[Code]] = {}
        for image_id, code in self.index.codes:
            by_image.setdefault(image_id, []).append(code)
        for image_id, codes in by_image.items():
            if any(picture.reasons for picture in self.by_id[image_id]):
                continue  # it is left out already, and they may be those of another image
            taken: dict[tuple[float, float], int] = {}
            for code in codes if len(codes) > 1 else ():
                places = code.keypoints[classes_of(code, self.visibility) >= 0, :2].tolist()
                other = next((taken[x, y] for x, y in places if (x, y) in taken), None)
                if other is not None:
                    entry = Entry(self.file, f"annotation {code.id}", {"id": code.id}, self.index.problems)
                    entry.note(f"has cells at exactly the places of those of annotation {other}")
                    self._spoil(image_id, [f"{entry.record}: {self.index.problems[-1].reason}"])
                taken |= dict.fromkeys(((x, y) for x, y in places), code.id)

    def _list(self, top: Entry, key: str) -> list[Any] | None:
        value = top.required(key)
        if isinstance(value, list):
            return value
        if key in top.values:
            top.note(f"{key} is {shown(value)}, not a list")
        return None

    def _entries(self, key: str, items: Sequence[Any], noun: str) -> Iterator[Entry]:
        """The objects of a list, each under the name that its problems are reported by."""
        for index, item in enumerate(items):
            if not isinstance(item, dict):
                place = Entry(self.file, f"{key}[{index}]", {}, self.index.problems)
                place.note(f"is {shown(item)}, not an object")
                if noun == "annotation":
                    self._note_stray(place)
                continue
            known = type(item.get("id")) is int
            record = f"{noun} {shown(item['id'])}" if known else f"{key}[{index}]"
            name = item.get("file_name") if noun == "image" else None
            record += f" ({printable(name)[:200]})" if isinstance(name, str) else ""
            yield Entry(self.file, record, item, self.index.problems)

    def _categories(self, items: list[Any] | None) -> dict[int, bool] | None:
        """Which ids there are, and whether they mean codes; a category that is the only one does, whatever its name.

        None when there is no list, so that its absence is not reported once per annotation.
        """
        if items is None:
            return None
        known: dict[int, bool] = {}
        for entry in self._entries("categories", items, "category"):
            _note_repeated(entry)
            category_id = entry.integer("id")
            if category_id in known:
                entry.note("its id is taken by an earlier category")
            if category_id is not None:
                known.setdefault(category_id, len(items) == 1 or _is_code(entry.values.get("name")))
        return known

    def _read_picture(self, entry: Entry) -> None:
        before = len(self.index.problems)
        _note_repeated(entry)
        image_id, width, height = entry.integer("id"), entry.positive("width"), entry.positive("height")
        name = entry.required("file_name")
        if "file_name" in entry.values and not isinstance(name, str):
            entry.note(f"file_name is {shown(name)}, not a string")
            name = None
        picture = Picture(entry.record, image_id, name, width, height)
        if image_id is not None:
            same = self.by_id.setdefault(image_id, [])
            if same:
                entry.note(f"its id is taken by {same[0].record}")
                same[0].reasons.append(f"its id is the one of {entry.record}, too")
            same.append(picture)
        picture.reasons += [problem.reason for problem in self.index.problems[before:]]
        self.index.pictures.append(picture)

    def _read_annotation(self, entry: Entry, categories: dict[int, bool] | None, owners: dict[int, int | None]) -> None:
        before = len(self.index.problems)
        _note_repeated(entry)
        image_id, category_id = entry.integer("image_id"), entry.integer("category_id")
        pictures = [] if image_id is None else self.by_id.get(image_id, [])
        if not pictures:
            self._note_stray(entry)
            if image_id is not None:
                entry.note(f"image_id {shown(image_id)} is not in images")
        if categories is not None and category_id is not None and category_id not in categories:
            entry.note(f"category_id {shown(category_id)} is not in categories")
        elif categories and any(categories.values()) and category_id is not None and not categories[category_id]:
            entry.note(f"category_id {shown(category_id)} is not the one called {CATEGORY['name']}")
        code = parse_code(entry, pictures[-1].size if pictures else None, self.visibility)
        if entry.id is not None and entry.id in owners:
            entry.note("its id is taken by an earlier annotation")
            self._spoil(owners[entry.id], [f"{entry.record}: its id is taken by a later annotation"])
        elif entry.id is not None:
            owners[entry.id] = image_id
        reasons = [f"{entry.record}: {problem.reason}" for problem in self.index.problems[before:]]
        if reasons:
            self._spoil(image_id, reasons)
        elif code is not None and image_id is not None:
            self.index.codes.append((image_id, code))

    def _note_stray(self, entry: Entry) -> None:
        if self.index.stray is None:
            self.index.stray = f"{entry.record} belongs to no known image"

    def _spoil(self, image_id: int | None, reasons: Sequence[str]) -> None:
        for picture in [] if image_id is None else self.by_id.get(image_id, []):
            picture.reasons += [reason for reason in reasons if reason not in picture.reasons]


def _note_repeated(entry: Entry) -> None:
    if isinstance(entry.values, RepeatedKeys):
        keys = ", ".join(map(shown, entry.values.keys_twice))
        entry.note(f"{keys} stands more than once, and nothing tells which value is right")


def _is_code(name: Any) -> bool:
    """Whether a category is that of the codes; Data_Matrix is the same word."""
    return isinstance(name, str) and _NO_LETTER.sub("", name).casefold() == CATEGORY["name"]
