"""The corners of a code from its cells."""

import cv2
import numpy as np
import pytest

from cellmark.reading.code import corners_of

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])  # x, y


def cells_and_corners(rows, cols, change):
    row, col = np.indices((rows, cols)) + 0.5
    return change(np.stack([col, row], axis=-1)), change(SQUARE * (cols, rows))


@pytest.mark.parametrize(("rows", "cols"), [(10, 10), (8, 18), (16, 48), (144, 144)])
@pytest.mark.parametrize("mirror", [1, -1])
def test_corners_lie_half_a_cell_beyond_the_corner_cells(rows, cols, mirror):
    steps = np.array([[6.0 * mirror, 2.5], [-1.5, 5.0]])
    cells, corners = cells_and_corners(rows, cols, lambda points: points @ steps + (70, 30))
    np.testing.assert_allclose(corners_of(cells), corners, atol=1e-9)


def test_corners_of_a_slanted_view():
    """Half a step more is a straight line, the view is not quite: a tenth of a cell is what is lost."""
    ends = np.array([[10, 12], [190, 30], [170, 205], [25, 160]], np.float32)
    view = cv2.getPerspectiveTransform((SQUARE * 18).astype(np.float32), ends)

    def change(points):
        return cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(float), view).reshape(points.shape)

    cells, corners = cells_and_corners(18, 18, change)
    np.testing.assert_allclose(corners, ends, atol=1e-4)
    np.testing.assert_allclose(corners_of(cells), ends, atol=1.0)
