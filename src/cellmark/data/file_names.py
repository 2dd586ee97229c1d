"""Which files a data set may name: regular ones inside its own folder, links followed.

Each function answers with the reason against a file, or None.
"""

import re
from pathlib import Path, PurePosixPath

from cellmark.data.json_entries import printable

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
