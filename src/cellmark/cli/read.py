"""``cellmark read``: the text of the codes of images, one JSON object per code per line."""

import json
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from glob import glob, has_magic
from hashlib import sha256
from itertools import chain
from os.path import abspath, commonpath
from pathlib import Path
from typing import Any

import numpy as np
import torch

import cellmark
from cellmark.cli import checks
from cellmark.cli.checks import flag, whole
from cellmark.cli.inputs import CODES, ONLY_DRAWN, find_images, is_drawn
from cellmark.cli.journal import Journal, Stamp, digest, open_journal, stamp
from cellmark.data.image_headers import BrokenImageError
from cellmark.data.images import IMAGE_SUFFIXES, decode_image, read_image
from cellmark.data.processes import map_in_processes
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.progress import progress_bar
from cellmark.reading.api import reader_for, weight_files
from cellmark.reading.entries import entries
from cellmark.reading.reader import Choice, Reader
from cellmark.viz.codes import draw_codes

STANDARD_INPUT = "-"
OVERLAYS = "overlays"  # in output_dir
STARTING = 5.0  # seconds, about, that it takes to start processes
Entries = list[dict[str, Any]]  # the JSON objects of a picture


@dataclass(frozen=True)
class Picture:
    """A picture to read.

    Attributes:
        file: what the lines call it.
        source: where it lies, or the bytes of standard input.
        overlay: where its overlay goes, below the folder of overlays.
    """

    file: str
    source: Path | bytes
    overlay: Path

    def load(self) -> np.ndarray:
        """Its pixels, uint8 (H, W, 3) RGB.

        Raises:
            CellmarkError: it is no picture.
        """
        if isinstance(self.source, Path):
            return read_image(self.source)
        try:
            return decode_image(self.source)
        except BrokenImageError as error:
            raise CellmarkError(f"{self.file}: {error}") from error

    def stamp(self) -> Stamp:
        """What tells one state of it from another."""
        if isinstance(self.source, Path):
            return stamp(self.source, self.file)
        return [self.file, len(self.source), sha256(self.source).hexdigest()]


@dataclass(frozen=True)
class Reading:
    """Reads one picture after another, in this process or in others; each has a reader of its own.

    Attributes:
        engine: see ``reader_for``.
        device: see ``reader_for``.
        ckpt: see ``reader_for``.
        codes: after which a picture is left; None = all.
        overlays: folder of the overlays, None for none.
    """

    engine: Choice
    device: str
    ckpt: str | None
    codes: int | None
    overlays: Path | None

    def reader(self) -> Reader:
        """The reader of this process; the classical one has no use for a device."""
        return reader_for(self.engine, "cpu" if self.engine == "classical" else self.device, self.ckpt)

    def __call__(self, picture: Picture) -> Entries:
        """Draws the overlay of a picture, if there is to be one; its entries."""
        start, reader = time.perf_counter(), self.reader()
        try:
            image = picture.load()
        except CellmarkError as error:
            reason = str(error).removeprefix(f"{picture.file}: ")
            return entries(picture.file, [], reason, time.perf_counter() - start)
        read = reader.read(image, self.codes)
        told = entries(picture.file, read, reader.reason, time.perf_counter() - start)
        if self.overlays is not None:
            write_image(self.overlays / picture.overlay, draw_codes(image, read))
        return told

    def settings(self) -> dict[str, Any]:
        """All that its entries depend on; of weights, their content."""
        weights = [digest(path) for path in weight_files(self.engine, self.ckpt)]
        told = {"version": cellmark.__version__, "ckpt": weights, "engine": self.engine, "codes": self.codes}
        return told | {"device": str(self.reader().device), "overlay": self.overlays is not None}


def run(
    *,
    input: str | Sequence[str],
    ckpt: str | None,
    engine: Choice,
    codes: int | None,
    overlay: bool,
    device: str,
    workers: int | None,
    output_dir: str | None,
) -> int:
    """Runs the verb with the keys of ``conf/read.yaml``; 1 if there is a picture in which nothing was read."""
    if codes is not None:
        whole("codes", codes, 1)
    processes = checks.workers(workers)
    if flag("overlay", overlay) and output_dir is None:
        output_dir = f"outputs/read/{time.strftime('%Y-%m-%d_%H-%M-%S')}"
    folder = None if output_dir is None else Path(output_dir)
    if folder is not None and (folder / CODES).exists():
        raise CellmarkError(f"{folder}: already holds codes that were read; name another output_dir")
    found = pictures([input] if isinstance(input, str) else input)
    reading = Reading(engine, device, ckpt, codes, None if folder is None or not overlay else folder / OVERLAYS)
    if reading.reader().device.type != "cpu":
        processes = processes or 1
    with ExitStack() as stack:
        journal = None
        if folder is not None:
            stamps = [[picture.stamp()] for picture in found]
            journal = stack.enter_context(open_journal(folder / CODES, reading.settings(), stamps))
        nothing_read = _read(reading, found, processes, journal)
        if journal is not None:
            journal.finish(_line(entry) for told in journal.results() for entry in told)
            print(f"codes     {journal.target}", file=sys.stderr)
    if reading.overlays is not None:
        print(f"overlays  {reading.overlays}", file=sys.stderr)
    return 1 if nothing_read else 0


def _read(reading: Reading, found: Sequence[Picture], processes: int | None, journal: Journal | None) -> int:
    """Prints every line, first those that an earlier process has left; the number of pictures without a code."""
    out, nothing_read = sys.stdout, 0  # the bar puts something else in the place of sys.stdout
    earlier: Iterator[Entries] = iter(()) if journal is None else journal.results()
    done = 0 if journal is None else journal.done
    left = _results(reading, found[done:], processes)
    with (
        progress_bar() if len(found) > 1 and not out.isatty() else nullcontext(_silent) as update,
        closing(left),
    ):
        update("reading", done, len(found))
        for number, told in enumerate(chain(earlier, left)):
            if journal is not None and number >= done:
                journal.add(told)
            for entry in told:  # at once, so that a program behind a pipe gets it
                out.write(_line(entry))
            out.flush()
            nothing_read += told[0]["text"] is None
            update("reading", number + 1, len(found))
    return nothing_read


def _results(reading: Reading, left: Sequence[Picture], processes: int | None) -> Generator[Entries, None, None]:
    """Reads in this process at first: others are started by themselves only where there is more to do than that."""
    start = time.monotonic()
    for number, picture in enumerate(left):
        if processes != 1 and (processes is not None or time.monotonic() - start > STARTING):
            others = map_in_processes(reading, left[number:], processes, prepare=_use_one_core, together=1)
            with closing(others):
                yield from others
            return
        yield reading(picture)


def _use_one_core() -> None:
    """In each of several processes: there are as many of them as cores."""
    torch.set_num_threads(1)


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
            found[source] = Picture(STANDARD_INPUT, sys.stdin.buffer.read(), Path("stdin.png"))
        for path in paths:
            place = Path(abspath(path))
            found.setdefault(place, _picture(path, place.relative_to(base)))
    return list(found.values())


def _paths(source: str) -> list[Path]:
    return _matches(source) if has_magic(source) and not Path(source).exists() else find_images(Path(source))


def _picture(path: Path, name: Path) -> Picture:
    """The suffix stays in the name of the overlay, so that those of a.jpg and a.png differ."""
    return Picture(str(path), path, name.parent / f"{name.name}.png")


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


def _line(entry: dict[str, Any]) -> str:
    return f"{json.dumps(entry, allow_nan=False)}\n"


def _silent(what: str, done: int, total: int | None) -> None:
    """Progress of one picture, or where the lines on the terminal show it themselves."""
