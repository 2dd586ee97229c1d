"""The image files that a COCO file names: whether they may be read, are there, and decode."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cellmark.data.file_names import FileFinder, FileState, FoundFile
from cellmark.data.images import read_image
from cellmark.data.index import Picture
from cellmark.data.records import Problem
from cellmark.errors import CellmarkError

THREADS = min(8, os.cpu_count() or 1)  # that decode; more of them wait for one another


class Decoded(NamedTuple):
    """A file that decoded when it was in this state, and its size in pixels."""

    state: FileState
    width: int
    height: int


@dataclass
class ImageFile:
    """The file of an entry of ``images``.

    Attributes:
        picture: the entry.
        file: the file, or the COCO file where its name is to blame.
        found: the file, None where there is none that may be read.
        problems: what is wrong with the file.
        reasons: why the image has to be left out because of files.
        decoded: how it decoded, None if it did not or was not tried.
    """

    picture: Picture
    file: Path
    found: FoundFile | None = None
    problems: list[Problem] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    decoded: Decoded | None = None

    def note(self, reason: str, file: Path | None = None) -> None:
        """Adds a problem of the image's file, unless another one is named."""
        self.problems.append(Problem(file or self.file, self.picture.record, reason, self.picture.id))
        self.reasons.append(reason)


def find_images(folder: Path, file: Path, pictures: Sequence[Picture]) -> list[ImageFile]:
    """Asks the file system for every image; nothing is opened.

    Args:
        folder: where the images are.
        file: the COCO file, which is to blame for wrong names.
        pictures: its entries.
    """
    finder, taken = FileFinder(folder), dict[str, ImageFile]()
    images = [ImageFile(picture, file) for picture in pictures]
    for image in images:
        if image.picture.name is None:
            continue
        found = finder.find(image.picture.name)
        if not isinstance(found, FoundFile):
            image.file = found.path or file
            image.note(found.reason)
            continue
        image.file, image.found, other = found.path, found, taken.setdefault(found.real, image)
        if other is not image:
            image.note(f"its file is the one of {other.picture.record}", file)
            other.reasons.append(f"its file is the one of {image.picture.record}, too")
    return images


def decode_images(
    images: Sequence[ImageFile], known: Mapping[str, Decoded], on_decoded: Callable[[int, int], None] | None = None
) -> None:
    """Decodes every image that is there, whatever else is wrong with it, in threads.

    Args:
        images: the images; what is found is noted in them.
        known: files that have decoded before, by their names; those that are as they were are not read again.
        on_decoded: told after each image how many are decoded, and how many there are to decode.
    """
    fresh: list[tuple[ImageFile, FoundFile]] = []
    for image in images:
        before = known.get(image.picture.name or "")
        if image.found is not None and before is not None and before.state == image.found.state:
            image.decoded = before
            _check_size(image)
        elif image.found is not None:
            fresh.append((image, image.found))
    for done, (image, result) in enumerate(_decode(fresh), start=1):
        if isinstance(result, Decoded):
            image.decoded = result
            _check_size(image)
        else:
            image.note(result)
        if on_decoded is not None:
            on_decoded(done, len(fresh))


def _decode(images: Sequence[tuple[ImageFile, FoundFile]]) -> Iterator[tuple[ImageFile, Decoded | str]]:
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            results = pool.map(_decoded, [found for _, found in images])
            yield from zip([image for image, _ in images], results, strict=True)
        finally:
            pool.shutdown(cancel_futures=True)  # else an interrupted check still reads every image


def _decoded(found: FoundFile) -> Decoded | str:
    """How a file decodes, or why it does not."""
    try:
        height, width = read_image(found.path).shape[:2]
    except CellmarkError as error:
        return str(error).removeprefix(f"{found.path}: ")
    return Decoded(found.state, width, height)


def _check_size(image: ImageFile) -> None:
    decoded, stated = image.decoded, image.picture.size
    if decoded is not None and stated not in (None, (decoded.width, decoded.height)):
        pixels = f"{decoded.width} x {decoded.height} pixels"
        image.note(f"has {pixels}, but the JSON states {stated[0]} x {stated[1]}")
