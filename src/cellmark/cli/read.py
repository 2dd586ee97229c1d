"""``cellmark read``: the text of the codes of images, one JSON object per code per line."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from glob import glob, has_magic
from os.path import abspath, commonpath
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from cellmark.cli.checks import flag, whole
from cellmark.cli.inputs import ONLY_DRAWN, find_images, is_drawn
from cellmark.data.image_headers import BrokenImageError
from cellmark.data.images import IMAGE_SUFFIXES, decode_image, read_image
from cellmark.data.problem_entries import well_formed
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_image
from cellmark.progress import progress_bar
from cellmark.reading.api import reader_for
from cellmark.reading.code import Code
from cellmark.reading.reader import Choice, Reader
from cellmark.viz.codes import draw_codes

STANDARD_INPUT = "-"
LINES, OVERLAYS = "codes.jsonl", "overlays"  # in output_dir
KEYS = ("text", "rows", "cols", "corners", "cells_found", "errors_corrected")  # null where nothing was read


@dataclass(frozen=True)
class Picture:
    """A picture to read.

    Attributes:
        file: what the lines call it.
        load: gives its pixels, uint8 (H, W, 3) RGB, or raises a CellmarkError.
        overlay: where its overlay goes, below the folder of overlays.
    """

    file: str
    load: Callable[[], np.ndarray]
    overlay: Path


def run(
    *,
    input: str | Sequence[str],
    ckpt: str | None,
    engine: Choice,
    codes: int | None,
    overlay: bool,
    device: str,
    output_dir: str,
) -> int:
    """Runs the verb with the keys of ``conf/read.yaml``; 1 if there is a picture in which nothing was read."""
    if codes is not None:
        whole("codes", codes, 1)
    folder = Path(output_dir) if flag("overlay", overlay) else None
    if folder is not None and (folder / LINES).exists():
        raise CellmarkError(f"{folder}: already holds codes that were read; name another output_dir")
    found = pictures([input] if isinstance(input, str) else input)
    reader = reader_for(engine, device, ckpt)
    out, lines, nothing_read = sys.stdout, list[str](), 0  # the bar puts something else in the place of sys.stdout
    with progress_bar() if len(found) > 1 and not out.isatty() else nullcontext(_silent) as update:
        for number, picture in enumerate(found):
            update("reading", number, len(found))
            image, read, told = _read(reader, picture, codes)
            lines += [_print(entry, out) for entry in told]
            nothing_read += not read
            if folder is not None and image is not None:
                write_image(folder / OVERLAYS / picture.overlay, draw_codes(image, read))
    if folder is not None:
        write_bytes(folder / LINES, "".join(lines).encode())
        print(f"overlays  {folder / OVERLAYS}", file=sys.stderr)
    return 1 if nothing_read else 0


def pictures(sources: Sequence[str]) -> list[Picture]:
    """What there is to read, each picture once.

    Args:
        sources: images, folders, patterns, or ``-`` for one picture on standard input.

    Raises:
        CellmarkError: there is nothing of such a name, or no image.
    """
    named = {source: [] if source == STANDARD_INPUT else _paths(source) for source in dict.fromkeys(sources)}
    whole = [Path(source) for source in named if Path(source).is_dir()]
    folders = whole + [path.parent for source, paths in named.items() if Path(source) not in whole for path in paths]
    base = Path(commonpath([abspath(folder) for folder in folders])) if folders else Path()
    found: dict[Path | str, Picture] = {}
    for source, paths in named.items():
        if source == STANDARD_INPUT:
            found[source] = Picture(STANDARD_INPUT, _from_standard_input, Path("stdin.png"))
        for path in paths:
            place = Path(abspath(path))
            found.setdefault(place, _picture(path, place.relative_to(base)))
    return list(found.values())


def _paths(source: str) -> list[Path]:
    return _matches(source) if has_magic(source) and not Path(source).exists() else find_images(Path(source))


def entries(file: str, codes: Sequence[Code], reason: str, seconds: float) -> list[dict[str, Any]]:
    """The JSON objects of one picture: one per code, or one that says why there is none.

    Args:
        file: name of the picture.
        codes: what was read.
        reason: why nothing was.
        seconds: that the picture took in all.
    """
    name, took = {"file": well_formed(file)}, {"seconds": round(seconds, 4)}
    if not codes:
        return [name | dict.fromkeys(KEYS) | took | {"reason": well_formed(reason)}]
    return [
        name
        | {
            "text": well_formed(code.text),
            "rows": code.rows,
            "cols": code.cols,
            "corners": [[round(float(x), 2), round(float(y), 2)] for x, y in code.corners],
            "cells_found": code.cells_found,
            "errors_corrected": code.errors_corrected,
        }
        | took
        | {"engine": code.engine}
        for code in codes
    ]


def _read(
    reader: Reader, picture: Picture, codes: int | None
) -> tuple[np.ndarray | None, list[Code], list[dict[str, Any]]]:
    """The pixels of a picture, None if it is none; what was read in it, and what there is to tell."""
    start = time.perf_counter()
    try:
        image = picture.load()
    except CellmarkError as error:
        reason = str(error).removeprefix(f"{picture.file}: ")
        return None, [], entries(picture.file, [], reason, time.perf_counter() - start)
    read = reader.read(image, codes)
    return image, read, entries(picture.file, read, reader.reason, time.perf_counter() - start)


def _picture(path: Path, name: Path) -> Picture:
    """The suffix stays in the name of the overlay, so that those of a.jpg and a.png differ."""
    return Picture(str(path), lambda: read_image(path), name.parent / f"{name.name}.png")


def _matches(pattern: str) -> list[Path]:
    """The images that a pattern names; ``**`` stands for any folders."""
    found = sorted(Path(name) for name in glob(pattern, recursive=True))
    images = [path for path in found if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not images:
        raise CellmarkError(f"{pattern}: matches no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
    places = [Path(abspath(path)) for path in images]
    taken = [path for path, place in zip(images, places, strict=True) if not is_drawn(place, Path(place.anchor))]
    if not taken:
        raise CellmarkError(f"{pattern}: {ONLY_DRAWN}")
    return taken


def _from_standard_input() -> np.ndarray:
    try:
        return decode_image(sys.stdin.buffer.read())
    except BrokenImageError as error:
        raise CellmarkError(f"{STANDARD_INPUT}: {error}") from error


def _print(entry: dict[str, Any], out: TextIO) -> str:
    """Writes a line at once, so that a program behind a pipe gets it; the line."""
    line = f"{json.dumps(entry, allow_nan=False)}\n"
    out.write(line)
    out.flush()
    return line


def _silent(what: str, done: int, total: int | None) -> None:
    """Progress of one picture, or where the lines on the terminal show it themselves."""
