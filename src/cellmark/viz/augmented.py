"""What the network will be fed: augmented samples with their cells and their target heatmaps."""

from collections.abc import Sequence

import numpy as np

from cellmark.data.batch import collate
from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import draw_cells
from cellmark.viz.sheet import contact_sheet

_TILE = 320


def augmented_sheet(
    versions: Sequence[Sequence[Sample]], codec: GaussianCodec, stride: int, classes: int, title: str
) -> np.ndarray:
    """Two rows for each sample: its versions with their cells, and below them with their target heatmaps.

    Args:
        versions: for each sample as many versions, the first of them the sample as it is.
        codec: renders the targets.
        stride: input pixels per heatmap pixel.
        classes: number of heatmaps.
        title: a line above all.

    Returns:
        uint8 RGB sheet.
    """
    tiles, captions = [], []
    for row in versions:
        tiles += [draw_cells(sample.image, sample.points, sample.labels) for sample in row]
        tiles += [blend_heatmaps(sample.image, target(sample, codec, stride, classes)) for sample in row]
        counts = [f"{number}: {len(sample.points)} cells" for number, sample in enumerate(row)]
        captions += [f"{row[0].path.name}: {len(row[0].points)} cells", *counts[1:], *[""] * len(row)]
    return contact_sheet(tiles, len(versions[0]) if versions else 1, _TILE, captions, title)


def target(sample: Sample, codec: GaussianCodec, stride: int, classes: int) -> np.ndarray:
    """The heatmaps (classes, h, w) that a network is asked for, float32 in 0..1."""
    batch = collate([sample])
    size = (-(-sample.image.shape[0] // stride), -(-sample.image.shape[1] // stride))
    heatmap: np.ndarray = codec.encode(batch.points, batch.labels, batch.pitch, size, stride, classes)[0].numpy()
    return heatmap
