"""The pictures that readers are measured on: a frozen synthetic set, clutter without codes, and photographs.

No training may use the seed of the synthetic set. A picture depends on the seed, its condition, severity and number
only, and on the version of the generator: asking for more pictures leaves the others as they are.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.generate.empty import draw_clutter
from cellmark.data.generate.scenes import CONDITIONS, draw
from cellmark.data.images import read_image
from cellmark.data.records import NOT_LABELLED
from cellmark.errors import CellmarkError

SEED = 777  # of this set alone; training data has 11, 12 and 20
SIZE = 256  # pixels, side of a synthetic picture
SEVERITIES = (0.0, 0.5, 1.0, 1.5)
UNKNOWN = "<unkown>"  # spelt like this: a payload that the source of a photograph does not know
SYNTHETIC, CLUTTER, MEDIUM, LARGE, PHOTOS = "synthetic", "clutter", "medium", "large", "photos"


@dataclass(frozen=True)
class Shown:
    """What a reader is shown.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        texts: payloads of the codes in it.
        cut: how many of these codes are cut off by the picture's edge.
    """

    image: np.ndarray
    texts: tuple[str, ...]
    cut: int = 0


@dataclass(frozen=True)
class Picture:
    """A picture of the benchmark, made or read when it is needed.

    Attributes:
        part: ``synthetic``, ``clutter``, ``medium``, ``large`` or ``photos``.
        name: tells it from all others.
        group: condition, or source of the photograph.
        severity: None for photographs.
        load: gives the picture; the same whenever it is called.
    """

    part: str
    name: str
    group: str
    severity: float | None
    load: Callable[[], Shown]


def synthetic(images: int, seed: int = SEED, size: int = SIZE, part: str = SYNTHETIC) -> list[Picture]:
    """So many pictures of each condition and severity; what is cut short holds all of them about alike."""
    return [
        Picture(
            part,
            f"{condition} {severity:g} #{number}",
            condition,
            severity,
            partial(_draw, size, (seed, index, number, round(1000 * severity)), severity),
        )
        for number in range(images)
        for severity in SEVERITIES
        for index, condition in enumerate(CONDITIONS)
    ]


def cluttered(count: int, seed: int = SEED, size: int = SIZE) -> list[Picture]:
    """Pictures without a code; the severity is drawn uniformly."""
    pictures = []
    for number in range(count):
        severity = float(np.random.default_rng((seed, len(CONDITIONS), number)).uniform(0, SEVERITIES[-1]))
        load = partial(_draw_clutter, size, (seed, len(CONDITIONS) + 1, number), severity)
        pictures.append(Picture(CLUTTER, f"clutter #{number}", CLUTTER, severity, load))
    return pictures


def photographs(folder: Path, most: int | None = None) -> tuple[list[Picture], list[str]]:
    """The photographs that ``index.json`` in a folder lists, in its order, and what is said about those left out.

    Where a payload is not known, no read could be called right or wrong.

    Args:
        folder: with the file; each entry has ``file``, ``texts`` and ``source``.
        most: photographs of each source; None for all.

    Raises:
        CellmarkError: the file lacks a key, or a file that it names is not there.
    """
    index = folder / "index.json"
    pictures, left_out = list[Picture](), list[str]()
    try:
        entries = [(folder / e["file"], str(e["source"]), tuple(map(str, e["texts"]))) for e in _entries(index)]
    except (KeyError, TypeError) as error:
        raise CellmarkError(f"{index}: an entry without file, texts or source: {error}") from error
    for file, source, texts in entries:
        if not file.is_file():
            raise CellmarkError(f"{index}: no such file: {file}")
        name = file.relative_to(folder).as_posix()
        if UNKNOWN in texts:
            left_out.append(f"{name} is left out: its payload is not known")
        elif most is None or sum(picture.group == source for picture in pictures) < most:
            pictures.append(Picture(PHOTOS, name, source, None, partial(_photograph, file, texts)))
    return pictures, left_out


class Fingerprint:
    """A hash of all generated pictures and payloads that were shown, in their order: two runs had the same set."""

    def __init__(self) -> None:
        """Nothing shown yet."""
        self.hash = hashlib.sha256()

    def add(self, picture: Picture, shown: Shown) -> None:
        """Takes a picture; photographs do not count."""
        if picture.part != PHOTOS:
            self.hash.update(json.dumps([picture.name, shown.image.shape, shown.texts]).encode())
            self.hash.update(shown.image.tobytes())


def _draw(size: int, seed: tuple[int, int, int, int], severity: float) -> Shown:
    drawing = draw(CONDITIONS[seed[1]], size, np.random.default_rng(seed), severity)
    cut = sum(bool((code.keypoints[:, 2] == NOT_LABELLED).any()) for code in drawing.codes)
    return Shown(drawing.image, tuple(code.text or "" for code in drawing.codes), cut)


def _draw_clutter(size: int, seed: tuple[int, int, int], severity: float) -> Shown:
    return Shown(draw_clutter(size, np.random.default_rng(seed), severity), ())


def _photograph(file: Path, texts: tuple[str, ...]) -> Shown:
    return Shown(read_image(file), texts)


def _entries(index: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from json.loads(index.read_text())
    except (OSError, ValueError) as error:
        raise CellmarkError(f"{index}: cannot be read: {error}") from error
