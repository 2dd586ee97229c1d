"""COCO keypoint AP of codes through pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cellmark.metrics.coco_records import ImageRecord, Instance

FAR = 1e6  # pixels, where a keypoint that was not found is put: its term of the OKS is 0


def keypoint_ap(images: Sequence[ImageRecord], falloff: float, max_detections: int) -> tuple[float, float]:
    """AP over OKS 0.50, 0.55, ..., 0.95, and AP at 0.50; NaN where no code is annotated.

    COCO defines the similarity of an annotated code and a detection as the mean over the annotated keypoints of
    ``exp(-d^2 / (2 s^2 k^2))`` with ``s^2`` the ``area`` of the annotation and ``k = 2 sigma``. The area counts
    nowhere else but for the split into small and large objects, which is not made here. With ``area = pitch^2`` and
    ``sigma = falloff / 2`` the term is ``exp(-d^2 / (2 (falloff pitch)^2))``.

    Codes of all sizes are one category, as in the data format: the keypoint lists of an image are filled up to the
    longest one with v = 0, which COCO leaves out of the mean. So a false detection, which has no size, counts exactly
    once, and a size with few codes does not weigh as much as one with many, as it would with a category for each size.

    Args:
        images: in any order; equal scores are put in order of folder and image id.
        falloff: in cell pitches.
        max_detections: of one image; those with the lowest scores are left out.
    """
    if not any(image.annotated for image in images):
        return float("nan"), float("nan")
    images = sorted(images, key=lambda image: image[:2])
    lengths = [1 + max((int(c.places.max(initial=0)) for c in (*i.annotated, *i.detected)), default=0) for i in images]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth = _dataset([image.annotated for image in images], lengths)
        evaluation = COCOeval(truth, _dataset([image.detected for image in images], lengths), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array([falloff / 2])  # numpy spreads it over lists of any length
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, np.inf]], ["all"]
        evaluation.params.maxDets = [max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # (OKS thresholds, recalls, 1, 1, 1)
    return float(precision.mean()), float(precision[0].mean())


def _dataset(images: list[list[Instance]], lengths: list[int]) -> Any:
    """The codes of every image as a data set of pycocotools; ``lengths`` are those of the keypoint lists."""
    dataset, entries = COCO(), list[dict[str, Any]]()
    for number, (codes, length) in enumerate(zip(images, lengths, strict=True)):
        entries += [_entry(len(entries) + k, number, code, length) for k, code in enumerate(codes, start=1)]
    dataset.dataset = {
        "images": [{"id": number} for number in range(len(images))],
        "categories": [{"id": 1}],
        "annotations": entries,
    }
    dataset.createIndex()
    return dataset


def _entry(entry_id: int, image: int, code: Instance, length: int) -> dict[str, Any]:
    """An annotation or a detection: pycocotools reads ``area`` of the one and ``score`` of the other."""
    keypoints = np.tile([FAR, FAR, 0], (length, 1))
    keypoints[code.places] = np.column_stack([code.points, np.full(len(code.places), 2)])
    return {
        "id": entry_id,
        "image_id": image,
        "category_id": 1,
        "keypoints": keypoints.ravel(),
        "num_keypoints": len(code.places),
        "bbox": [0, 0, 0, 0],  # looked at for annotations without keypoints only
        "area": code.value**2,
        "score": code.value,
        "iscrowd": 0,
    }
