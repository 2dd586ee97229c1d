"""Writing so that a file or folder appears whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cellmark.errors import CellmarkError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` under a temporary name beside ``path``, then renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Writes ``value`` as JSON; NaN and infinity are refused, because JSON has no such numbers."""
    write_bytes(path, (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode())


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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path`` that takes its name when the block ends without an error.

    Raises:
        CellmarkError: ``path`` is there already and is not an empty folder.
    """
    path = path.resolve()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CellmarkError(f"{path}: already there; nothing is overwritten, name another folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
