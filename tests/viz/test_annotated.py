import numpy as np
import pytest

from cellmark.viz.annotated import Annotated, cells_gallery, overview_gallery


def one(name, labels=(0, 1, -1)):
    return Annotated(
        name, np.full((50, 60, 3), 128, np.uint8), np.array([[10, 10], [30, 30], [50, 40]]), np.array(labels)
    )


def coloured(image, channel):
    others = np.delete(image.astype(int), channel, axis=2).max(axis=2)
    return int((image[..., channel].astype(int) - others > 60).sum())


def test_labelled_cells_are_drawn_and_counted():
    gallery = cells_gallery("f", [one("a.png"), one("b.png", (1, -1, -1))], 9, ["black", "white"])
    assert [picture.caption for picture in gallery.pictures] == ["a.png: 2 cells", "b.png: 1 cells"]
    assert gallery.folder == "f" and "2 of 9 images" in gallery.title
    first, second = (picture.image for picture in gallery.pictures)
    assert coloured(first, 0) > 20 and coloured(first, 2) > 20
    assert coloured(second, 0) == 0 and coloured(second, 2) > 20


@pytest.mark.parametrize("count", [1, 4])
def test_the_overview_has_a_row_for_each_folder(count):
    gallery = overview_gallery([("x", [one("a.png")] * count), ("y", [one("b.png")] * 4)], ["cell"])
    assert len(gallery.pictures) == 2 * 8 and gallery.columns == 8 and gallery.rows
    first = gallery.pictures[:8]
    assert [picture.image is None for picture in first] == [False] * 2 * count + [True] * (8 - 2 * count)
    assert first[0].caption == "x/a.png" and coloured(first[0].image, 0) == 0 < coloured(first[1].image, 0)
    assert gallery.pictures[8].caption == "y/b.png"
