"""A bent lattice of cells drawn as a straight one: every cell a square of the same size."""

import cv2
import numpy as np

from cellmark.coordinates import resize_points

CELL = 8  # pixels a side of a cell in the rectified picture
COARSE = 1.5 * CELL  # pixels: larger cells are shrunk first, else single pixels would stand for them
FARTHEST = 0.6  # cells: a place that is further off may as well mean the neighbour
AROUND = 5  # cells a side over which steps are averaged
SLOPE = 4  # cells whose mean step carries on beyond the border


def rectify(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The picture of a lattice, straightened.

    Args:
        image: uint8 (H, W, 3).
        places: (rows, cols, 2) x, y in pixels of the image of the centres of cells. Beyond the image its edge goes on.

    Returns:
        uint8 (CELL * rows, CELL * cols, 3): the centre of cell (r, c) lies at ((c + 0.5) * CELL - 0.5, same of r).
    """
    image, places = _shrunk(image, places)
    rows, cols = places.shape[:2]
    x, y = ((np.arange(count * CELL, dtype=np.float32) + 0.5) / CELL - 0.5 for count in (cols, rows))
    # Within half a cell of the border the outermost steps go on
    spread = extended(places, 1).astype(np.float32)
    wanted = cv2.remap(spread, *np.meshgrid(x + 1, y + 1), cv2.INTER_LINEAR)
    return np.asarray(
        cv2.remap(image, wanted[..., 0], wanted[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def cell_size(places: np.ndarray) -> float:
    """Mean side of a cell in pixels: the root of the area of the mean steps along both axes of (rows, cols, 2)."""
    rows, cols = places.shape[:2]
    down, right = (places[-1] - places[0]).mean(0) / (rows - 1), (places[:, -1] - places[:, 0]).mean(0) / (cols - 1)
    return float(abs(down[0] * right[1] - down[1] * right[0]) ** 0.5)


def moved(places: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Places (rows, cols, 2) after a shift (rows, cols, 2) in cells to the right and down."""
    right, down = _steps(places)
    result: np.ndarray = places + shift[..., :1] * right + shift[..., 1:] * down
    return result


def shift_between(places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The shift (rows, cols, 2) with which ``moved`` turns the places into the wanted ones."""
    right, down = _steps(places)
    x, y = np.moveaxis(wanted - places, -1, 0)
    area = right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]
    area = np.where(np.abs(area) < 1e-6, np.inf, area)
    return np.stack([x * down[..., 1] - y * down[..., 0], y * right[..., 0] - x * right[..., 1]], -1) / area[..., None]


def _steps(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The steps to the right and down, (rows, cols, 2) each: means of those around, as single cells may be off."""
    down, right = np.gradient(places, axis=(0, 1))
    right, down = (cv2.blur(each, (AROUND, AROUND), borderType=cv2.BORDER_REPLICATE) for each in (right, down))
    return right, down


def extended(places: np.ndarray, margin: int) -> np.ndarray:
    """The lattice (rows, cols, 2) with ``margin`` more cells on every side, which go on with its mean last steps."""
    both = _extended_rows(places, margin)
    return _extended_rows(both.transpose(1, 0, 2), margin).transpose(1, 0, 2)


def _shrunk(image: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the picture that is needed with cells of about ``CELL`` pixels, where they are much larger."""
    cell = cell_size(places)
    if cell < COARSE:
        return image, places
    height, width = image.shape[:2]
    low = (places.min((0, 1)) - cell).clip(0, (width - 1, height - 1)).astype(int)
    high = (places.max((0, 1)) + cell + 1).clip(low + 1, (width, height)).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    size = [max(1, round(length * CELL / cell)) for length in part.shape[1::-1]]
    scale = size[0] / part.shape[1], size[1] / part.shape[0]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA), resize_points(places - low, scale)


def _extended_rows(places: np.ndarray, margin: int) -> np.ndarray:
    steps = min(SLOPE, len(places) - 1)
    if steps == 0:
        raise ValueError("a lattice of a single row or column has no direction to go on in")
    before, after = (places[0] - places[steps]) / steps, (places[-1] - places[-1 - steps]) / steps
    count = np.arange(1, margin + 1)[:, None, None]
    return np.concatenate([(places[0] + before * count)[::-1], places, places[-1] + after * count])
