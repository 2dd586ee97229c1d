"""What reading a folder found, kept for the next time in the user's cache folder, never in the data.

One file for each folder, map of v and name of the COCO file; a newer one takes its place. It is a line with a
checksum, a JSON object, and all keypoints as float64: nothing in it can run. A file that is damaged, of another
folder or of other code is not used. It never grants access to a file: the file names in it are checked at every start.
"""

import functools
import hashlib
import inspect
import json
import logging
import os
import re
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cellmark
from cellmark.data import annotations, image_headers, images, index, json_entries
from cellmark.data.annotations import Visibility
from cellmark.data.file_names import FileState
from cellmark.data.image_files import Decoded
from cellmark.data.index import Index, Picture
from cellmark.data.records import Code, Problem
from cellmark.files import write_bytes

FORMAT = 1  # counts up whenever the layout of the file changes
MOST_BYTES = 4 * 2**30  # of all indexes together; those not used for the longest time go first
POINT = 3 * 8  # bytes of a keypoint
ABANDONED = 3600.0  # seconds after which no process still writes a file
RACY = 2 * 10**9  # nanoseconds; a file changed so shortly before may change again without a sign of it

_HEAD = re.compile(rb"cellmark index ([0-9a-f]{8}) ([0-9]{1,12})\n")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """What an index is of.

    Attributes:
        folder: the folder, links followed.
        annotations: name of the COCO file.
        visibility: v -> class index, or None.
    """

    folder: str
    annotations: str
    visibility: Visibility

    def to_json(self) -> dict[str, Any]:
        """The key as JSON has it."""
        visibility = sorted(self.visibility.items())
        return {"folder": self.folder, "annotations": self.annotations, "visibility": list(map(list, visibility))}

    @property
    def path(self) -> Path | None:
        """Where the index is kept; None where there is no place for it."""
        folder = cache_folder()
        digest = hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()
        return None if folder is None else folder / "indexes" / f"{digest[:32]}.index"


@dataclass
class Stored:
    """What is known of a folder.

    Attributes:
        state: the COCO file's when ``index`` was read from it.
        index: None where it is not to be trusted.
        decoded: the images that decoded, by their file names.
    """

    state: FileState | None
    index: Index | None
    decoded: Mapping[str, Decoded]


def cache_folder() -> Path | None:
    """``$CELLMARK_CACHE``, else ``$XDG_CACHE_HOME/cellmark``, else ``~/.cache/cellmark``; None without a home."""
    if own := os.environ.get("CELLMARK_CACHE"):
        return Path(own).absolute()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(shared):
        return Path(shared, "cellmark")
    home = os.path.expanduser("~")  # left as it is for a user whom the system does not know, as containers have them
    if os.path.isabs(home):
        return Path(home, ".cache", "cellmark")
    _warn_of_no_home()
    return None


@functools.cache
def _warn_of_no_home() -> None:
    """Once is enough."""
    log.warning("nothing is kept for the next time: this user has no home folder; CELLMARK_CACHE may name a folder")


def settled(state: FileState, begun: int) -> bool:
    """Whether a file that is read after ``begun`` shows every later change by its state.

    Args:
        state: of the file, asked for before it was read.
        begun: when the reading began, nanoseconds since the epoch.
    """
    return max(state.mtime, state.ctime) < begun - RACY


def load(key: Key, file: Path) -> Stored | None:
    """The index that is kept of a folder, if there is one that can be used.

    Args:
        key: what is wanted.
        file: the COCO file as problems shall name it.
    """
    path = key.path
    if path is None:
        return None
    try:
        with open(path, "rb") as content:
            head = _HEAD.fullmatch(content.readline(64))
            if head is None:
                raise ValueError("it does not begin as one")
            rest = os.fstat(content.fileno()).st_size - content.tell() - int(head[2])
            if rest < 0 or rest % POINT:
                raise ValueError("its length is wrong")
            text = content.read(int(head[2]))
            numbers = np.fromfile(content, np.float64)
        if zlib.crc32(numbers.data, zlib.crc32(text)) != int(head[1], 16):
            raise ValueError("its checksum is wrong")
        values = json.loads(text)
        if values["code"] != _code():
            log.info("%s: this index of %s is of another version and is made anew", path, key.folder)
            return None
        stored = _from_json(values, key, file, numbers.reshape(-1, 3))
        with suppress(OSError):  # a cache that may only be read is a good one, too
            os.utime(path)  # when it was last used
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        log.warning("%s: this index of %s cannot be used and is made anew: %s", path, key.folder, error)
        return None
    return stored


def save(key: Key, stored: Stored) -> None:
    """Keeps an index in the place of an older one; a warning where that cannot be."""
    path, codes = key.path, stored.index.codes if stored.index else []
    if path is None:
        return
    keypoints = [np.ascontiguousarray(code.keypoints) for _, code in codes]
    text = json.dumps(_to_json(key, stored)).encode()
    checksum = zlib.crc32(text)
    for numbers in keypoints:
        checksum = zlib.crc32(numbers.data, checksum)
    head = f"cellmark index {checksum:08x} {len(text)}\n".encode()
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        write_bytes(path, b"".join([head, text, *(numbers.data for numbers in keypoints)]))
        _make_room(path.parent)
    except OSError as error:
        log.warning("%s: the index of %s cannot be kept for the next time: %s", path, key.folder, error.strerror)


def _make_room(folder: Path) -> None:
    """Removes the indexes used the longest time ago, and what killed processes left behind with them."""
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was faster
            state = path.stat()
            found.append((state.st_mtime, state.st_size, path))
    total = 0
    for number, (used, size, path) in enumerate(sorted(found, reverse=True)):
        total += size
        abandoned = path.suffix == ".partial" and used < time.time() - ABANDONED
        if abandoned or (total > MOST_BYTES and number > 0):
            path.unlink(missing_ok=True)


def _to_json(key: Key, stored: Stored) -> dict[str, Any]:
    values = key.to_json() | {"code": _code(), "decoded": stored.decoded, "state": stored.state, "index": None}
    if stored.index is None:
        return values
    known = stored.index
    pictures = [[p.record, p.id, p.name, p.width, p.height, p.reasons] for p in known.pictures]
    codes = [[image_id, c.id, len(c.keypoints), c.rows, c.cols, c.text] for image_id, c in known.codes]
    problems = [[p.record, p.reason, p.id] for p in known.problems]  # all of them are in the COCO file
    return values | {"index": [pictures, codes, problems, known.lost, known.stray]}


def _from_json(values: Any, key: Key, file: Path, keypoints: np.ndarray) -> Stored:
    """The reverse of `_to_json`; what is not as that writes it raises one of the errors that `load` awaits."""
    for name, wanted in key.to_json().items():
        if values[name] != wanted:
            raise ValueError(f"its {name} is another")
    decoded = {name: Decoded(FileState(*state), w, h) for name, (state, w, h) in values["decoded"].items()}
    if values["index"] is None:
        return Stored(None, None, decoded)
    pictures, codes, problems, lost, stray = values["index"]
    known, first = Index([Picture(*entry) for entry in pictures], lost=lost, stray=stray), 0
    for image_id, code_id, length, rows, cols, text in codes:
        known.codes.append((image_id, Code(code_id, keypoints[first : first + length], rows, cols, text)))
        first += length
    if first != len(keypoints):
        raise ValueError("it holds another number of keypoints")
    known.problems += [Problem(file, record, reason, entry_id) for record, reason, entry_id in problems]
    return Stored(FileState(*values["state"]), known, decoded)


@functools.cache
def _code() -> str:
    """What tells one state of the code that reads from another: with other checks there may be other problems."""
    digest = hashlib.sha256(f"{FORMAT} {cellmark.__version__}".encode())
    for module in (annotations, image_headers, images, index, json_entries):
        with suppress(OSError):  # installed without sources, where only the version changes
            digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()
