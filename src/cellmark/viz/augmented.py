"""What the network will be fed: augmented samples with their cells and their target heatmaps."""

from collections.abc import Sequence

from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.gallery import Gallery, Picture
from cellmark.viz.overlay import draw_cells
from cellmark.viz.targets import TILE, blend_target, target


def augmented_gallery(
    folder: str, versions: Sequence[Sequence[Sample]], codec: GaussianCodec, stride: int, classes: int
) -> Gallery:
    """Two rows for each sample: its versions with their cells, and below them with their target heatmaps.

    Args:
        folder: name of the folder.
        versions: for each sample as many versions, the first of them the sample as it is.
        codec: renders the targets.
        stride: input pixels per heatmap pixel.
        classes: number of heatmaps.
    """
    pictures: list[Picture] = []
    for row in versions:
        name = row[0].path.name
        for number, sample in enumerate(row):
            label = f"augmented {number}" if number else name
            alt = f"{name}, augmented {number}" if number else f"{name} as it is"
            drawn = draw_cells(sample.image, sample.points, sample.labels)
            pictures.append(Picture(drawn, f"{label}: {len(sample.points)} cells", f"{alt}, with its cells"))
        for number, sample in enumerate(row):
            blended = blend_target(sample.image, target(sample, codec, stride, classes), stride)
            alt = f"{name}, augmented {number}" if number else f"{name} as it is"
            pictures.append(Picture(blended, "", f"{alt}, with its targets"))
    columns = len(versions[0]) if versions else 1
    title = f"as it is, and {columns - 1} times augmented"
    note = (
        "Left the image as it is, beside it drawn anew as in training; below each the targets. Cells that left the "
        "picture are gone; the others must still sit under their dots."
    )
    return Gallery(folder, title, note, pictures, columns, TILE, rows=True)
