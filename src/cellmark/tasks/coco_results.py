"""Found cells as COCO keypoint results: the entries of ``predictions.json`` and the answers of the service."""

from typing import Any

import numpy as np

from cellmark.data.records import CATEGORY
from cellmark.tasks.predictor import Cells


def coco_results(cells: Cells, visibility: np.ndarray, file_name: str, image_id: int) -> list[dict[str, Any]]:
    """One COCO keypoint result per code.

    Args:
        cells: of one picture.
        visibility: (C,) v to write for each class.
        file_name: of the picture, relative to the input.
        image_id: counted from 1 in order of file name.
    """
    results = []
    for members in cells.codes:
        points, scores = cells.points[members].astype(float), cells.scores[members].astype(float)
        low = points.min(axis=0)
        keypoints = np.column_stack([points.round(3), visibility[cells.labels[members]]])
        results.append(
            {
                "file_name": file_name,
                "image_id": image_id,
                "category_id": CATEGORY["id"],
                "keypoints": [v for x, y, c in keypoints.tolist() for v in (x, y, int(c))],
                "keypoint_scores": scores.round(4).tolist(),
                "score": round(float(scores.mean()), 4),
                "bbox": np.concatenate([low, points.max(axis=0) - low]).round(3).tolist(),
            }
        )
    return results
