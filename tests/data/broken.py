"""A small sound folder, and every way in which it can be broken: a table for the reader's tests."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.records import CocoFile, Code
from cellmark.files import write_image, write_json
from tests.data.pictures import HEIGHT, WIDTH, bad_checksum, bad_stream, bomb, picture, turned

Json = dict[str, Any]
IMAGES = 4
VISIBILITY = {0: None, 1: 1, 2: 0}
KEYPOINTS = np.array([[2, 3, 2], [9.5, 3, 1], [2, 10, 1], [9.5, 10.25, 2], [16, 3, 0], [16, 10, 2]])


def sound_folder(path: Path) -> Path:
    """Four images of one code each, image and annotation ids 1 to 4."""
    coco, rng = CocoFile(), np.random.default_rng(0)
    for index in range(IMAGES):
        write_image(path / f"{index}.png", rng.integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))
        coco.add_image(f"{index}.png", WIDTH, HEIGHT, [Code(1, KEYPOINTS, 2, 3, "A")])
    write_json(path / "annotations.json", coco.to_dict())
    return path


def edit(path: Path, change: Callable[[Json], Any]) -> None:
    """Changes the COCO file; NaN and infinity come out as Python writes them."""
    file = path / "annotations.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@dataclass(frozen=True)
class Broken:
    """One way to break the folder, and the one problem that must come of it.

    ``lost`` are the ids of the images that must be left out; by default the second, which most changes hit.
    """

    name: str
    reason: str
    record: str
    change: Callable[[Json], Any] | None = None
    files: Callable[[Path], Any] | None = None
    at: str = "annotations.json"
    lost: tuple[int, ...] = (2,)

    @property
    def id(self) -> int | None:
        """The id of the record, which is part of its name where it has one."""
        found = re.match(r"(?:image|annotation|category) (\d+)", self.record)
        return int(found[1]) if found else None

    def apply(self, path: Path) -> None:
        if self.change is not None:
            edit(path, self.change)
        if self.files is not None:
            self.files(path)


def image(name: str, reason: str, record: str = "image 2 (1.png)", **values: Any) -> Broken:
    """Sets keys of the second image; None deletes one."""
    return Broken(f"image: {name}", reason, record, lambda c: _set(c["images"][1], values))


def annotation(name: str, reason: str, record: str = "annotation 2", **values: Any) -> Broken:
    """Sets keys of the second annotation; None deletes one."""
    change = lambda c: _set(c["annotations"][1], values)  # noqa: E731
    return Broken(f"annotation: {name}", reason, record, change)


def keypoint(name: str, index: int, value: Any, reason: str) -> Broken:
    """Sets one number of the second annotation's keypoints."""
    change = lambda c: c["annotations"][1]["keypoints"].__setitem__(index, value)  # noqa: E731
    return Broken(f"keypoint: {name}", reason, "annotation 2", change)


def top(name: str, reason: str, change: Callable[[Json], Any], record: str = "", lost=()) -> Broken:
    return Broken(f"top: {name}", reason, record, change, lost=lost)


def on_disk(name: str, reason: str, files: Callable[[Path], Any], record="image 2 (1.png)", at="1.png", lost=(2,)):
    return Broken(f"disk: {name}", reason, record, files=files, at=at, lost=lost)


def _set(entry: Json, values: Json) -> None:
    entry.update(values)
    for key in [key for key, value in values.items() if value is None]:
        del entry[key]


def _named(name: str) -> Broken:
    reasons = {"\\": "holds a backslash", "..": "leaves the folder through '..'"}
    reason = next((text for mark, text in reasons.items() if mark in name), "is an absolute path")
    return image(f"file_name {name}", reason, f"image 2 ({name})", file_name=name)


def _rewrite(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    return lambda path: (path / file).write_bytes(change((path / file).read_bytes()))


def _link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.png"
    outside.write_bytes((path / "1.png").read_bytes())
    (path / "1.png").unlink()
    (path / "1.png").symlink_to(outside)


def _double(file: str, what: bytes, by: bytes) -> Callable[[Path], Any]:
    """Puts a second value of a key into the JSON, which Python's own dictionaries cannot hold."""
    return _rewrite(file, lambda content: content.replace(what, by + b", " + what, 1))


def _replace_json(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        (path / "annotations.json").unlink()
        make(path / "annotations.json")

    return change


def _json_out(path: Path) -> None:
    outside = path.parents[2] / "outside.json"
    outside.write_text("{}")
    path.symlink_to(outside)


def _circle(path: Path) -> None:
    path.symlink_to("other.png")
    path.with_name("other.png").symlink_to(path.name)


def _folder_out(path: Path) -> None:
    outside = path.parent.parent / "pictures"
    outside.mkdir(exist_ok=True)
    (path / "1.png").rename(outside / "1.png")
    (path / "up").symlink_to(outside)
    edit(path, lambda c: c["images"][1].update(file_name="up/1.png"))


def _special(make: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        (path / "1.png").unlink()
        make(path / "1.png")

    return change


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


EVERY = (1, 2, 3, 4)
JSON = {"record": "", "at": "annotations.json", "lost": EVERY}

TABLE = [
    on_disk("no JSON", "no such file", lambda path: (path / "annotations.json").unlink(), **JSON),
    on_disk("empty JSON", "cut off: Expecting value at line 1,", _rewrite(JSON["at"], lambda b: b""), **JSON),
    on_disk("JSON cut off", "the JSON is cut off", _rewrite(JSON["at"], lambda b: b[: len(b) // 2]), **JSON),
    on_disk("cut in a string", "column 2", _rewrite(JSON["at"], lambda b: b'{"ima'), **JSON),
    on_disk("JSON garbled", "line 2, column 3", _rewrite(JSON["at"], lambda b: b"{\n  ]" + b), **JSON),
    on_disk("not UTF-8", "not UTF-8", _rewrite(JSON["at"], lambda b: b'{"a": "\xff"}'), **JSON),
    on_disk("nested deeply", "nested too deeply", _rewrite(JSON["at"], lambda b: b"[" * 200_000), **JSON),
    on_disk("endless number", "cannot be read", _rewrite(JSON["at"], lambda b: b"9" * 5000), **JSON),
    on_disk("top level a list", "a list of 1, not an object", _rewrite(JSON["at"], lambda b: b"[1]"), **JSON),
    on_disk("image missing", "no such file", lambda path: (path / "1.png").unlink()),
    on_disk("image empty", "the file is empty", _rewrite("1.png", lambda b: b"")),
    on_disk("image truncated", "truncated", _rewrite("1.png", lambda b: b[:-20])),
    on_disk("image no image", "not a picture", _rewrite("1.png", lambda b: b"hello, world" * 9)),
    on_disk("image a folder", "not a regular file", _special(Path.mkdir)),
    on_disk("image a pipe", "not a regular file", _special(os.mkfifo)),
    on_disk("link out", "is a link that leaves", _link_out, at="annotations.json"),
    on_disk("link to itself", "cannot be resolved", _special(_loop), at="annotations.json"),
    on_disk("JSON a folder", "not a regular file", _replace_json(Path.mkdir), **JSON),
    on_disk("JSON a pipe", "not a regular file", _replace_json(os.mkfifo), **JSON),
    on_disk("JSON a link out", "is a link that leaves", _replace_json(_json_out), **JSON),
    on_disk("JSON a link to itself", "cannot be resolved", _replace_json(_loop), **JSON),
    on_disk("file_name twice", "'file_name' stands more than once", _double(JSON["at"], b'"file_name": "1.png"',
            b'"file_name": "0.png"'), at="annotations.json"),
    on_disk("image_id twice", "'image_id' stands more than once", _double(JSON["at"], b'"image_id": 2',
            b'"image_id": 1'), "annotation 2", "annotations.json"),
    on_disk("categories twice", "'categories' stands more than once", _double(JSON["at"], b'"categories": [',
            b'"categories": []'), "", "annotations.json", ()),
    on_disk("image a web page", "not a picture", _rewrite("1.png", lambda b: b"<!doctype html><html></html>")),
    on_disk("image with a wrong checksum", "wrong checksum of IDAT", _rewrite("1.png", bad_checksum)),
    on_disk("image that does not inflate", "does not decode", _rewrite("1.png", bad_stream)),
    on_disk("image of 3.6 gigapixels", "more than the limit", _rewrite("1.png", bomb)),
    on_disk("image a JPEG cut", "truncated", _rewrite("1.png", lambda b: picture("JPEG")[:400])),
    on_disk("image a TIFF cut", "does not decode", _rewrite("1.png", lambda b: picture("TIFF")[:-99])),
    on_disk("image of 32 bits", "32 bits per channel", _rewrite("1.png", lambda b: picture("TIFF", "F"))),
    on_disk("image turned", "has 16 x 24 pixels", _rewrite("1.png", lambda b: turned(picture("PNG")))),
    on_disk("upper case", "no such file; there is 1.PNG", lambda path: (path / "1.png").rename(path / "1.PNG")),
    on_disk("links in a circle", "cannot be resolved", _special(_circle), at="annotations.json"),
    on_disk("folder out", "is a link that leaves", _folder_out, "image 2 (up/1.png)", "annotations.json"),
    on_disk("link to another image", "its file is the one of image 1 (0.png)",
            _special(lambda path: path.symlink_to("0.png")), at="annotations.json", lost=(1, 2)),
    top("no images", "images is missing", lambda c: (c.pop("images"), c.update(annotations=[])), lost=EVERY),
    top("no annotations", "annotations is missing", lambda c: c.pop("annotations"), lost=EVERY),
    top("no categories", "categories is missing", lambda c: c.pop("categories")),
    top("images an object", "is an object, not", lambda c: c.update(images={}, annotations=[]), lost=EVERY),
    top("annotations null", "annotations is None, not", lambda c: c.update(annotations=None), lost=EVERY),
    top("image a string", "is 'x', not an object", lambda c: c["images"].append("x"), "images[4]"),
    top("annotation a number", "is 3, not an object", lambda c: c["annotations"].append(3), "annotations[4]"),
    top("category a list", "is a list of 0, not", lambda c: c["categories"].append([]), "categories[1]"),
    top("category without id", "id is missing", lambda c: c["categories"].append({}), "categories[1]"),
    top("no category of codes", "of 2 none is called datamatrix", lambda c: (
        c["categories"][0].update(name="person"), c["categories"].append({"id": 2, "name": "qr"}))),
    top("another category", "category_id 2 is not the one called datamatrix", lambda c: (
        c["categories"].append({"id": 2, "name": "qr"}), c["annotations"][1].update(category_id=2)),
        "annotation 2", (2,)),
    top("category twice", "is taken", lambda c: c["categories"].append({"id": 1}), "category 1"),
    top(
        "image id twice",
        "its id is taken by image 1 (0.png)",
        lambda c: (c["images"][1].update(id=1), c["annotations"].pop(1)),
        "image 1 (1.png)",
        (1, 2),
    ),
    top("image file twice", "file is the one of", lambda c: c["images"][1].update(file_name="./0.png"),
        "image 2 (./0.png)", (1, 2)),
    top("a code twice", "has cells at exactly the places of those of annotation 2", lambda c: c["annotations"].append(
        c["annotations"][1] | {"id": 9}), "annotation 9", (2,)),
    top("annotation id twice", "id is taken", lambda c: c["annotations"][1].update(id=1),
        "annotation 1", (1, 2)),
    top("orphan", "image_id 77 is not in images", lambda c: c["annotations"].append(
        c["annotations"][0] | {"id": 9, "image_id": 77}), "annotation 9"),
    top("image without id", "id is missing", lambda c: (c["images"][1].pop("id"), c["annotations"].pop(1)),
        "images[1] (1.png)", (2,)),
    top("image id a text", "id is '2', not an integer", lambda c: (c["images"][1].update(id="2"),
        c["annotations"].pop(1)), "images[1] (1.png)", (2,)),
    Broken("image: file_name too long", "File name too long", f"image 2 ({'a' * 200})",
           lambda c: c["images"][1].update(file_name="a" * 300), at="a" * 300),
    image("no file_name", "file_name is missing", "image 2", file_name=None),
    image("file_name a number", "file_name is 7, not a string", "image 2", file_name=7),
    image("file_name empty", "is empty", "image 2 ()", file_name=""),
    image("file_name with NUL", "cannot be resolved", "image 2 (a\\x00b)", file_name="a\0b"),
    image("file_name half a surrogate", "cannot be resolved", "image 2 (\\ud800)", file_name="\ud800"),
    *map(_named, ("/etc/passwd", "../x.png", "a/../../x", "C:x.png", "c:/x.png", "\\\\h\\x", "..\\x.png")),
    image("no width", "width is missing", width=None),
    image("no height", "height is missing", height=None),
    image("width a string", "width is '24', not an integer", width="24"),
    image("height a bool", "height is True, not an integer", height=True),
    image("width a float", "width is 24.0, not an integer", width=24.0),
    image("height negative", "height is -16, not between", height=-16),
    image("width zero", "width is 0, not between", width=0),
    image("width immense", "an integer of 1329 bits", width=10**400),
    annotation("no image_id", "image_id is missing", image_id=None),
    annotation("image_id a float", "image_id is 2.0, not an integer", image_id=2.0),
    annotation("no id", "id is missing", "annotations[1]", id=None),
    annotation("id a bool", "id is True, not an integer", "annotations[1]", id=True),
    annotation("no category_id", "category_id is missing", category_id=None),
    annotation("category unknown", "category_id 5 is not in categories", category_id=5),
    annotation("no keypoints", "keypoints is missing", keypoints=None),
    annotation("keypoints a string", "keypoints is '1 2 2', not a list", keypoints="1 2 2"),
    annotation("keypoints empty", "keypoints is empty", keypoints=[]),
    annotation("keypoints cut", "holds 17 numbers, not a multiple of 3", keypoints=[1] * 17),
    annotation("num_keypoints wrong", "num_keypoints is 9, but 5 keypoints", num_keypoints=9),
    annotation("num_keypoints a string", "num_keypoints is '5', not an integer", num_keypoints="5"),
    annotation("bbox short", "bbox holds 3 numbers, not 4", bbox=[1, 2, 3]),
    annotation("bbox negative", "bbox has a negative size: -3 x 4", bbox=[1, 2, -3, 4]),
    annotation("bbox not finite", "bbox: NaN or infinite at index 0", bbox=[float("nan"), 2, 3, 4]),
    annotation("bbox text", "bbox: not a number at index 1, the first is 'b'", bbox=[1, "b", 3, 4]),
    annotation("area negative", "area is -1", area=-1),
    annotation("area infinite", "area is inf", area=float("inf")),
    annotation("area text", "area is '3', not a number", area="3"),
    annotation("rows zero", "rows is 0, not between", rows=0),
    annotation("cols a float", "cols is 3.5, not an integer", cols=3.5),
    annotation("rows without cols", "rows is given without the other", cols=None),
    annotation("grid of another size", "2 x 4 = 8, but there are 6 keypoints", cols=4),
    annotation("text a number", "text is 4, not a string", text=4),
    keypoint("x NaN", 3, float("nan"), "NaN or infinite at index 3"),
    keypoint("y infinite", 4, float("inf"), "NaN or infinite at index 4"),
    keypoint("x too large for a float", 3, 10**400, "NaN or infinite at index 3"),
    keypoint("x a string", 3, "9", "not a number at index 3, the first is '9'"),
    keypoint("y null", 4, None, "not a number at index 4, the first is None"),
    keypoint("x a bool", 3, True, "not a number at index 3, the first is True"),
    keypoint("v a half", 5, 1.5, "v is 1.5, not an integer, at keypoint 1"),
    keypoint("v unknown", 5, 3, "v is 3, not in visibility_to_class (0, 1, 2), at keypoint 1"),
    keypoint("v immense", 5, 10**300, "not in visibility_to_class"),
    keypoint("right of the image", 3, 23.6, "labelled keypoint 1 outside the image of 24 x 16 pixels"),
    keypoint("on another", 3, 2.0, "labelled keypoints 0, 1 share their place with another, the first at (2, 3)"),
    keypoint("above the image", 4, -0.6, "outside the image"),
    Broken("size not the stated", "has 24 x 16 pixels, but the JSON states 30 x 16", "image 2 (1.png)",
           lambda c: c["images"][1].update(width=30), at="1.png"),
]  # fmt: skip
