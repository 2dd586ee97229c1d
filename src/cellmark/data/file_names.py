"""Which files a data set may name: regular ones inside its own folder, links followed.

The functions answer with the reason against a file, or None.
"""

import os
import re
import stat
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cellmark.data.json_entries import printable, shown

_DRIVE = re.compile(r"[A-Za-z]:")


def unsafe(name: str) -> str | None:
    """Why a file name is refused before the file system is asked, the same on every system."""
    path = PurePosixPath(name)
    if not path.parts:
        return "is empty"
    if "\\" in name:
        return "holds a backslash"
    if path.is_absolute() or _DRIVE.match(name):
        return "is an absolute path"
    return "leaves the folder through '..'" if ".." in path.parts else None


def leaves(folder: Path, path: Path) -> str | None:
    """Why ``path`` is not, or cannot be shown to be, inside ``folder`` once every link is followed."""
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL, half a surrogate pair
        return f"cannot be resolved: {printable(str(error))}"
    return None if inside else f"is a link that leaves {printable(str(folder))}"


def absent(path: Path) -> str | None:
    """Why ``path`` is not a file that can be read."""
    try:
        if path.is_file():
            return None
        return "is not a regular file" if path.exists() else "no such file"
    except OSError as error:  # for instance a name that is too long
        return f"cannot be read: {error.strerror}"


class FileState(NamedTuple):
    """What changes when a file does. The times are nanoseconds; ctime is not a program's to set."""

    size: int
    mtime: int
    ctime: int
    inode: int


class FoundFile(NamedTuple):
    """A file that may be read: as it is named, with every link followed, and its state."""

    path: Path
    real: str
    state: FileState


class Refusal(NamedTuple):
    """Why a named file may not or cannot be read; ``path`` if it is the file that is to blame, not its name."""

    reason: str
    path: Path | None


class FileFinder:
    """Finds the files that a data set names in one folder, at the cost of about one question to the system each."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder, which is there."""
        self.folder = folder
        self._real: dict[str, str | None] = {}  # folder of a file -> it with links followed, None if it leaves

    def find(self, name: str) -> FoundFile | Refusal:
        """The file of this name, if it may be read."""
        path = self.folder / name
        if reason := unsafe(name):
            return Refusal(f"file_name {shown(name)} {reason}", None)
        return self._plain(path) or self._other(name, path)

    def _plain(self, path: Path) -> FoundFile | None:
        """A regular file that is no link itself: it lies where its folder lies."""
        above, name = os.path.split(path)
        try:
            if above not in self._real:
                self._real[above] = None if leaves(self.folder, Path(above)) else os.path.realpath(above)
            real, found = self._real[above], os.lstat(path)
        except (OSError, ValueError):  # looked at more closely by `_other`
            return None
        if real is None or not stat.S_ISREG(found.st_mode):
            return None
        return FoundFile(path, os.path.join(real, name), _state(found))

    def _other(self, name: str, path: Path) -> FoundFile | Refusal:
        if reason := leaves(self.folder, path):
            return Refusal(f"file_name {shown(name)} {reason}", None)
        if reason := absent(path):
            other = self._names.get(name.casefold()) if reason == "no such file" else None
            hint = f"; there is {printable(other)}, upper and lower case differ" if other else ""
            return Refusal(reason + hint, self.folder / printable(name))
        try:
            return FoundFile(path, os.path.realpath(path), _state(os.stat(path)))
        except OSError as error:
            return Refusal(f"cannot be read: {error.strerror}", path)

    @cached_property
    def _names(self) -> dict[str, str]:
        """The names in the folder itself by what they are in lower case."""
        try:
            return {name.casefold(): name for name in os.listdir(self.folder)}
        except OSError:
            return {}  # only a hint depends on it


def state_of(path: Path) -> FileState | None:
    """The state of a file, links followed; None if it cannot be asked for."""
    try:
        return _state(os.stat(path))
    except OSError:
        return None


def _state(found: os.stat_result) -> FileState:
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
