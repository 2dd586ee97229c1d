"""Images that look alike, by K-Means on the mean and the spread of their colours."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from sklearn.cluster import KMeans

from cellmark.data.coco import ANNOTATIONS
from cellmark.data.images import read_image
from cellmark.data.prepare.coco_input import by_id, objects
from cellmark.data.prepare.output import copy_pictures
from cellmark.data.records import ImageRecord
from cellmark.errors import CellmarkError
from cellmark.files import write_json
from cellmark.progress import Update

SIDE = 64  # pixels that an image is resized to, both ways
RUNS = 10  # of K-Means from other starts; the best one counts
LARGEST_SEED = 2**32 - 1  # numpy's
_BAND = 2**18  # pixels that are turned into float32 at a time
_THREADS = 4  # that decode and measure, at the most
_DECIMALS = 6  # of a feature, in grey levels: rows that differ by less are the same

Result = TypeVar("Result")


@dataclass(frozen=True)
class Group:
    """Images that look alike.

    Attributes:
        name: the folder to be.
        records: file name -> image, in the order of the names.
        centre: float64 (6,) mean features of those that are no variants.
    """

    name: str
    records: Mapping[str, ImageRecord]
    centre: np.ndarray


def features(image: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of R, G and B of the image resized to 64 x 64.

    Resized by area, bilinearly where a side is shorter than 64 pixels, and without rounding to grey levels.

    Args:
        image: uint8 (H, W, 3) RGB.

    Returns:
        float64 (6,) three means, three standard deviations, grey levels 0 to 255.
    """
    method = cv2.INTER_AREA if min(image.shape[:2]) >= SIDE else cv2.INTER_LINEAR
    pixels = cv2.resize(_narrow(image, method), (SIDE, SIDE), interpolation=method).reshape(-1, 3)
    return np.concatenate([pixels.mean(axis=0, dtype=np.float64), pixels.std(axis=0, dtype=np.float64)])


def _narrow(image: np.ndarray, method: int) -> np.ndarray:
    """The longer side resized to 64 pixels: float32 (H, 64, 3), or (64, W, 3) where it is the height.

    Both ways of resizing treat the sides one after the other. In bands along the longer side, as all of a large
    picture in float32 takes much memory.
    """
    height, width = image.shape[:2]
    high = height > width
    count = min(height, width, -(-height * width // _BAND))
    bands = []
    for part in np.array_split(image, count, axis=int(high)):
        size = (part.shape[1], SIDE) if high else (SIDE, part.shape[0])
        bands.append(cv2.resize(part.astype(np.float32), size, interpolation=method))
    return np.concatenate(bands, axis=int(high))


def group_images(
    records: Mapping[str, ImageRecord], k: int, seed: int, update: Update, variants: Mapping[str, str] | None = None
) -> list[Group]:
    """Divides images into ``k`` groups, called ``group_1`` and so on from the darkest to the brightest.

    The same images give the same groups, in whatever order they come.

    Args:
        records: file name -> image.
        k: number of groups.
        seed: random state of K-Means, 0 to 2^32 - 1.
        update: told of every image that was measured.
        variants: file name -> that of the image whose group it joins whatever it looks like; that one is none itself.

    Raises:
        CellmarkError: there are fewer images, or fewer that differ, than groups; variants do not count.
    """
    stand_in = dict(variants or {})
    names = sorted(records.keys() - stand_in.keys())
    if k > len(names):
        which = f" without the {len(stand_in)} variants" if stand_in else ""
        raise CellmarkError(f"k={k}: there are only {len(names)} images{which}")
    table = _measure([records[name].path for name in names], update).round(_DECIMALS)
    different = len(np.unique(table, axis=0))
    if k > different:
        raise CellmarkError(f"k={k}: the colours of only {different} of {len(names)} images differ")
    # tol=0: until no image changes its group, so that the result is a fixed point
    labels = KMeans(k, n_init=RUNS, random_state=seed, tol=0).fit(table).labels_
    label_of = dict(zip(names, labels.tolist(), strict=True))
    centres = [table[labels == label].mean(axis=0) for label in range(k)]
    order = sorted(range(k), key=lambda label: (centres[label][:3].mean(), *centres[label]))
    members: list[dict[str, ImageRecord]] = [{} for _ in range(k)]
    for name in sorted(records):
        members[label_of[stand_in.get(name, name)]][name] = records[name]
    width = len(str(k))
    return [
        Group(f"group_{number:0{width}d}", members[label], centres[label])
        for number, label in enumerate(order, start=1)
    ]


def write_groups(
    groups: Sequence[Group], content: Mapping[str, Any], root: Path, update: Update, *, link: bool = False
) -> None:
    """Writes a folder for each group: its images and its part of the COCO file, with all ids and keys.

    Args:
        groups: what to write.
        content: of a COCO file that is sound as far as these images go.
        root: a folder that is empty.
        update: told of every image.
        link: make hard links to the images instead of copies.

    Raises:
        CellmarkError: an image has the name of the COCO file, or cannot be linked.
    """
    for group in groups:
        ids = {record.id for record in group.records.values()}
        images = [entry for image_id, entry in by_id(content, "images").items() if image_id in ids]
        codes = [entry for entry in objects(content, "annotations") if _owner(entry) in ids]
        pictures = {name: record.path for name, record in group.records.items()}
        copy_pictures(pictures, root / group.name, update, link=link, taken=(ANNOTATIONS,))
        write_json(root / group.name / ANNOTATIONS, {**content, "images": images, "annotations": codes}, indent=None)


def _owner(entry: Mapping[str, Any]) -> int | None:
    """The image of an annotation: an id that is True is none, though it equals 1."""
    owner = entry.get("image_id")
    return owner if type(owner) is int else None


def _measure(paths: Sequence[Path], update: Update) -> np.ndarray:
    """float64 (N, 6)."""
    rows = []
    for done, row in enumerate(each_image(paths, features), start=1):
        rows.append(row)
        update("measuring colours", done, len(paths))
    return np.stack(rows)


def each_image(paths: Sequence[Path], work: Callable[[np.ndarray], Result]) -> Iterator[Result]:
    """What ``work`` makes of every image, in their order; in a few threads, each of which holds one whole image."""
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(lambda path: work(read_image(path)), paths)
        finally:
            pool.shutdown(cancel_futures=True)  # else every image is still read after an error or Ctrl-C
