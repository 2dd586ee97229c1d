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


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes an RGB (H, W, 3) or grey (H, W) uint8 image as PNG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, buffer = cv2.imencode(".png", bgr)
    if not done:
        raise CellmarkError(f"{path}: OpenCV could not encode an image of shape {image.shape}")
    write_bytes(path, buffer.tobytes())


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
