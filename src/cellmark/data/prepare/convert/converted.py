"""What a conversion gives, and writing it: the images and one file that describes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.prepare.output import PROBLEMS, copy_pictures, write_problems
from cellmark.data.records import Code, Problem, annotation
from cellmark.files import write_bytes, write_json
from cellmark.progress import Update

_MEASURES = ("num_keypoints", "bbox", "area")
_ORDER = ("rows", "cols")


@dataclass(frozen=True)
class Converted:
    """The sound part of the input, ready to be written.

    Attributes:
        folder: the input folder.
        name: of the file that describes the images.
        content: of that file: a JSON object, or text.
        pictures: file name -> file, of every image that is kept.
        problems: everything that is wrong; an image with any problem is not kept.
        counts: what there is, for a person, in the order to tell it; ``cells`` is one of them.
        notes: what else a person should know.
    """

    folder: Path
    name: str
    content: Mapping[str, Any] | str
    pictures: Mapping[str, Path]
    problems: Sequence[Problem]
    counts: Mapping[str, int]
    notes: Sequence[str] = ()


def write_converted(converted: Converted, root: Path, update: Update, *, link: bool = False) -> None:
    """Writes images, the file that describes them, and ``problems.json`` if there are any, into ``root``.

    Args:
        converted: what to write.
        root: a folder that is empty.
        update: told of every image.
        link: make hard links to the images instead of copies.

    Raises:
        CellmarkError: an image has the name of a file that is written, or cannot be linked.
    """
    copy_pictures(converted.pictures, root, update, link=link, taken=(converted.name, PROBLEMS))
    if isinstance(converted.content, str):
        write_bytes(root / converted.name, converted.content.encode())
    else:
        write_json(root / converted.name, converted.content, indent=None)
    write_problems(converted.problems, converted.folder, root)


def labelled(original: Mapping[str, Any], keypoints: np.ndarray, shape: tuple[int, int] | None) -> dict[str, Any]:
    """A COCO annotation with other keypoints, and with what follows from them; all other keys are kept.

    Args:
        original: the annotation, with an ``id`` and an ``image_id``.
        keypoints: float64 (K, 3) x, y in pixels, and v; they are written exactly.
        shape: rows and columns where the keypoints are in row-major order, None where that is not known.
    """
    rows, cols = shape or (None, None)
    code = Code(original["id"], keypoints, rows, cols)
    computed = annotation(code, original["id"], original["image_id"])
    kept = {key: value for key, value in original.items() if key not in _ORDER}
    exact = [value for x, y, v in keypoints.tolist() for value in (x, y, int(v))]
    return {**computed, **kept, **{key: computed[key] for key in _MEASURES}, "keypoints": exact}
