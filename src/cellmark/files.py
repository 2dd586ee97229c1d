"""Writing so that a file or folder appears whole or not at all."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cellmark.errors import CellmarkError

try:
    import fcntl
except ImportError:  # not on Windows, where folders of killed processes are left to the user
    fcntl = None  # type: ignore[assignment]

_HANDLES: set[int] = set()  # of locked folders
_LONGEST = 100  # letters of a name that temporary names repeat: file systems allow 255 bytes


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes ``content`` under a temporary name beside ``path``, then renames it."""
    with partial_file(path) as partial:
        partial.write_bytes(content)


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """Yields an empty file beside ``path`` to write to, that takes its name when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:_LONGEST]}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, name):  # the disk is full: of which file?
            error.filename = str(path)
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Writes ``value`` as JSON.

    Raises:
        CellmarkError: a number in it is NaN or infinite, which JSON cannot say.
    """
    write_bytes(path, f"{to_json(path, value, indent)}\n".encode())


def to_json(path: Path, value: Any, indent: int | None = None) -> str:
    """What ``value`` is in a JSON file at ``path``.

    Raises:
        CellmarkError: a number in it is NaN or infinite, which JSON cannot say.
    """
    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError as error:
        raise CellmarkError(f"{path}: cannot be written as JSON: {error}") from error


def append_bytes(path: Path, content: bytes) -> None:
    """Appends to a file in one write, so that readers find and a killed process leaves all of it or none.

    Raises:
        OSError: it cannot be written; a full disk may have taken a part of it.
    """
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        if os.write(handle, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(handle)


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes an RGB (H, W, 3) or grey (H, W) uint8 image in the format of the path's suffix."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, buffer = cv2.imencode(path.suffix, bgr)
    if not done:
        raise CellmarkError(f"{path}: OpenCV could not encode an image of shape {image.shape}")
    write_bytes(path, buffer.tobytes())


def copy_file(source: Path, target: Path, *, link: bool = False) -> None:
    """Copies a file that is not there yet; its content appears whole or not at all.

    Args:
        source: the file, which is only read; of a link, what it leads to.
        target: its new name.
        link: make a hard link instead, which takes no room: the file is then one under two names.

    Raises:
        CellmarkError: there is something at ``target``, or the file system makes no such link.
    """
    if os.path.lexists(target):
        raise CellmarkError(f"{target}: already there; nothing is overwritten")
    target.parent.mkdir(parents=True, exist_ok=True)
    if not link:
        write_bytes(target, source.read_bytes())
        return
    try:
        target.hardlink_to(source.resolve())
    except OSError as error:
        raise CellmarkError(f"{target}: no hard link to {source}: {error.strerror}; copy with link=false") from error


def refuse_overlap(source: Path, target: Path) -> None:
    """Checks that a new folder ``target`` can be made without touching ``source``, which is only read.

    Raises:
        CellmarkError: one lies in the other, or something is at ``target`` already.
    """
    inner, outer = target.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        where = "lies in" if inner.is_relative_to(outer) else "holds"
        raise CellmarkError(f"output_dir={target}: {where} the input {source}, which is only read; name another folder")
    _refuse_used(target)


def _refuse_used(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CellmarkError(f"{folder}: already there; nothing is overwritten, name another folder")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path`` that takes its name when the block ends without an error.

    Raises:
        CellmarkError: ``path`` is there already and is not an empty folder.
    """
    path = path.resolve()
    _refuse_used(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(path.parent, path.name) as partial:
        yield partial
        partial.chmod(0o755)
        partial.replace(path)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yields a hidden folder in ``parent`` that is gone when the block ends, however it ends.

    A process that is killed leaves its folder behind; the next one of the same name clears it away.

    Raises:
        CellmarkError: no folder can be made in ``parent``.
    """
    prefix, suffix = f".{name[:_LONGEST]}.", ".partial"
    for path in list(parent.iterdir()):
        if path.name.startswith(prefix) and path.name.endswith(suffix) and path.is_dir():
            with suppress(BlockingIOError), locked(path) as certain:
                if certain:
                    shutil.rmtree(path, ignore_errors=True)
    with ExitStack() as stack:
        folder = None
        while folder is None:
            made = _make_folder(parent, prefix, suffix)
            with suppress(BlockingIOError):  # another process took it for one left behind, and clears it away
                stack.enter_context(locked(made))
                folder = made
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _make_folder(parent: Path, prefix: str, suffix: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
    except OSError as error:
        raise CellmarkError(f"{parent}: nothing can be written there: {error.strerror}") from error


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Within the block no other process that asks has the folder; the lock ends with the process, even when killed.

    Args:
        folder: to lock.
        shared: let others have it who ask for no more: to see whether somebody works in it.

    Yields:
        False where the system knows no locks, so that nothing is certain.

    Raises:
        BlockingIOError: another process has it, or it is gone.
    """
    if fcntl is None:
        yield False
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError as error:
        raise BlockingIOError(f"{folder} is gone") from error
    _HANDLES.add(handle)
    try:
        certain = _lock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        if certain and not (folder.exists() and os.path.samestat(os.fstat(handle), folder.stat())):
            raise BlockingIOError(f"{folder} is gone")
        yield certain
    finally:
        if handle in _HANDLES:  # not in a forked process, which has let it go
            _HANDLES.discard(handle)
            os.close(handle)


def _let_go() -> None:
    """A forked process has the locks too, and would keep them when the one that it comes from is killed."""
    for handle in _HANDLES:
        os.close(handle)
    _HANDLES.clear()


if fcntl is not None:
    os.register_at_fork(after_in_child=_let_go)


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return False
    return True
