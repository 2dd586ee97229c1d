"""The sheets of one folder of a data set."""

from collections.abc import Iterable, Sequence

from cellmark.data.records import Sample
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.viz.annotated import Annotated, cells_gallery
from cellmark.viz.augmented import augmented_gallery
from cellmark.viz.gallery import Gallery
from cellmark.viz.targets import targets_gallery

CELLS, TARGETS, AUGMENTED = "", "_targets", "_augmented"  # what follows the folder's name in the names of its sheets


def folder_galleries(
    folder: str,
    images: Iterable[Annotated],
    total: int,
    rows: Sequence[Sequence[Sample]],
    codec: GaussianCodec,
    stride: int,
    classes: Sequence[str],
) -> dict[str, Gallery]:
    """What is shown of a folder, by kind of sheet; without augmented samples there is no `AUGMENTED`.

    Args:
        folder: its name.
        images: some of its images.
        total: how many there are.
        rows: some of its samples as they are fed to the network, each followed by augmented versions of it.
        codec: renders the targets.
        stride: input pixels per heatmap pixel.
        classes: names, one for each heatmap.
    """
    galleries = {
        CELLS: cells_gallery(folder, images, total, classes),
        TARGETS: targets_gallery(folder, [row[0] for row in rows], codec, stride, classes),
    }
    if any(len(row) > 1 for row in rows):
        galleries[AUGMENTED] = augmented_gallery(folder, rows, codec, stride, len(classes))
    return galleries
