"""The typed in-memory form of a folder of COCO keypoints, and of one training sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

CATEGORY = {"id": 1, "name": "datamatrix", "supercategory": "code"}
BLACK, WHITE, NOT_LABELLED = 2, 1, 0  # the default meaning of v in a keypoint (x, y, v)


@dataclass(frozen=True)
class Code:
    """One annotated code: an entry of COCO's ``annotations``.

    Attributes:
        id: annotation id, unique in its file.
        keypoints: float64 (K, 3), x, y in pixels of the original image, and v.
        rows: number of cell rows when the keypoints are known to be in row-major order, else None.
        cols: number of cell columns, likewise.
        text: the payload, where known.
    """

    id: int
    keypoints: np.ndarray
    rows: int | None = None
    cols: int | None = None
    text: str | None = None


@dataclass(frozen=True)
class ImageRecord:
    """One image of a folder with its codes; ``width`` and ``height`` in pixels as the JSON states them."""

    id: int
    path: Path
    width: int
    height: int
    codes: tuple[Code, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """An image that is not used.

    Attributes:
        file: the image, or the COCO file where that does not say which image it means.
        id: COCO image id, None where it is wrong or missing.
        record: name of its entry in messages; empty where the COCO file cannot be read.
        reasons: every reason; some are problems of other records, such as its annotations.
    """

    file: Path
    id: int | None
    record: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """The image and the reasons on one line."""
        record = f": {self.record}" if self.record else ""
        return f"{self.file}{record}: {'; '.join(self.reasons)}"


@dataclass(frozen=True)
class Folder:
    """One fold: a folder of images with its ``annotations.json``.

    Attributes:
        name: of the folder.
        path: of the folder.
        images: the sound images, in the order of the COCO file.
        left_out: the others.
    """

    name: str
    path: Path
    images: tuple[ImageRecord, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One image with its points, as the network's input side sees it.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        points: float32 (N, 2) x, y in pixels of ``image``.
        labels: int64 (N,) class of each point.
        places: int64 (N, 2) where each point belongs: which code of the image, and its row-major place in that code.
        grids: rows and columns of each code of the image, None where the order of its points is not known.
        folder: name of the folder it comes from.
        path: the file on disk.
        image_id: COCO image id in its folder.
    """

    image: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    places: np.ndarray
    grids: tuple[tuple[int, int] | None, ...]
    folder: str
    path: Path
    image_id: int

    def select(self, kept: np.ndarray, image: np.ndarray, points: np.ndarray) -> Self:
        """A changed image with some of the points: all that is known of a point stays with it.

        Args:
            kept: int64 (M,) indices of the points that are still there.
            image: uint8 (H, W, 3) RGB.
            points: (M, 2) their places in ``image``.
        """
        points = np.asarray(points, np.float32).reshape(-1, 2)
        return replace(self, image=image, points=points, labels=self.labels[kept], places=self.places[kept])


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data set: where it is, which record, and why; ``id`` is the record's own."""

    file: Path
    record: str
    reason: str
    id: int | None = None

    def __str__(self) -> str:
        """The problem on one line."""
        return f"{self.file}: {self.record}: {self.reason}" if self.record else f"{self.file}: {self.reason}"


@dataclass
class CocoFile:
    """Builds the dictionary of a COCO keypoints file, one image after another."""

    info: Mapping[str, Any] = field(default_factory=dict)
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    def add_image(self, file_name: str, width: int, height: int, codes: Sequence[Code]) -> None:
        """Adds an image and its codes; the ids are counted up from 1, whatever ``codes`` say."""
        image_id = len(self.images) + 1
        self.images.append({"id": image_id, "file_name": file_name, "width": width, "height": height})
        for code in codes:
            self.annotations.append(annotation(code, len(self.annotations) + 1, image_id))

    def to_dict(self) -> dict[str, Any]:
        """The whole file, ready for ``json.dump``."""
        return {
            "info": dict(self.info),
            "licenses": [],
            "categories": [CATEGORY],
            "images": self.images,
            "annotations": self.annotations,
        }


def annotation(code: Code, annotation_id: int, image_id: int) -> dict[str, Any]:
    """A COCO annotation with ``bbox``, ``area`` and ``num_keypoints`` computed from the labelled keypoints."""
    labelled = code.keypoints[code.keypoints[:, 2] != NOT_LABELLED, :2]
    low = labelled.min(axis=0) if len(labelled) else np.zeros(2)
    size = labelled.max(axis=0) - low if len(labelled) else np.zeros(2)
    entry: dict[str, Any] = {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": CATEGORY["id"],
        "keypoints": [
            value for x, y, v in code.keypoints for value in (round(float(x), 3), round(float(y), 3), int(v))
        ],
        "num_keypoints": len(labelled),
        "bbox": [round(float(value), 3) for value in (*low, *size)],
        "area": round(float(size[0] * size[1]), 3),
        "iscrowd": 0,
        "segmentation": [],
    }
    known = {"rows": code.rows, "cols": code.cols, "text": code.text}
    return entry | {key: value for key, value in known.items() if value is not None}
