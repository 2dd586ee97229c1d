"""What was predicted beside what is true, one row of pictures for each image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import draw_cells
from cellmark.viz.sheet import contact_sheet

TILE = 384  # pixels, side of a picture on the sheet


@dataclass(frozen=True)
class PredictionRow:
    """One image with its true and its predicted cells, all in the pixels of that image.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        points: (N, 2) x, y of the true cells.
        labels: (N,) their classes; negative ones are not counted and not drawn.
        found_points: (M, 2) x, y of the predicted cells.
        found_labels: (M,) their classes.
        heatmap: (C, h, w) in 0..1, over the area of the image at any resolution.
        name: below the image.
        note: below the heatmaps.
    """

    image: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    found_points: np.ndarray
    found_labels: np.ndarray
    heatmap: np.ndarray
    name: str
    note: str = "heatmaps"


def prediction_sheet(rows: Sequence[PredictionRow], title: str | None = None, tile: int = TILE) -> np.ndarray:
    """Draws picture, truth, prediction and heatmaps of every row.

    Args:
        rows: top to bottom.
        title: a line above them all.
        tile: side of each picture in pixels.

    Returns:
        uint8 RGB sheet, see ``contact_sheet``.
    """
    tiles: list[np.ndarray] = []
    captions: list[str] = []
    for row in rows:
        tiles += [
            row.image,
            draw_cells(row.image, row.points, row.labels),
            draw_cells(row.image, row.found_points, row.found_labels),
            blend_heatmaps(row.image, row.heatmap),
        ]
        true = int((np.asarray(row.labels) >= 0).sum())
        captions += [row.name, f"truth: {true} cells", f"prediction: {len(row.found_points)} cells", row.note]
    return contact_sheet(tiles, 4, tile, captions, title)
