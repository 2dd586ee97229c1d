"""From the cells of a picture to the text of a code, beside a lattice that predicts one place after another."""

from unittest.mock import patch

import cv2
import numpy as np
import zxingcpp
from scipy.spatial import cKDTree

from benchmarks.timing import Row, milliseconds
from cellmark.reading import growth
from cellmark.reading.codewords import read_grid
from cellmark.reading.lattice import Lattices
from cellmark.reading.reader import MAX_RISK

SIDE, CODES, PITCH = 26, 24, 8.0
SYMBOL = 9  # the standard's number of 26x26
MISSING, FALSE, WRONG, OFF = 0.1, 0.05, 0.01, 0.03  # shares of the cells, and how far off they are, in pitches


class Bent:
    """Cells of a 26x26 code that is slanted and bent, as a network might see them."""

    def __init__(self, seed: int) -> None:
        """Draws one."""
        rng = np.random.default_rng(seed)
        text = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVWXYZ"), 24))
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, version=SYMBOL)
        self.black = np.array(code.to_image(scale=1, add_quiet_zones=False)).ravel() == 0
        self.places = _bent(rng).reshape(-1, 2)
        self.tree = cKDTree(self.places)
        kept = rng.random(SIDE * SIDE) >= MISSING
        strays = rng.uniform(self.places.min(axis=0) - 20, self.places.max(axis=0) + 20, (round(FALSE * SIDE**2), 2))
        seen = self.black ^ (rng.random(SIDE * SIDE) < WRONG)
        near = self.places[kept] + rng.normal(0, OFF * PITCH, (int(kept.sum()), 2))
        self.points = np.concatenate([near, strays])
        self.seen = np.concatenate([np.where(seen[kept], 0.95, 0.05), rng.choice([0.05, 0.95], len(strays))])

    def sample(self, points: np.ndarray) -> np.ndarray:
        """The heatmap at places where no cell was seen."""
        return np.where(self.black[self.tree.query(points)[1]], 0.8, 0.2)

    def read(self) -> str:
        """Its text; the same first tries as the reader makes."""
        for lattice in Lattices(self.points, self.seen, self.sample).lattices():
            for number in range(len(lattice)):
                found = lattice[number]
                black = 1 - found.black if found.inverted else found.black
                reading = read_grid(black, found.symbol, MAX_RISK, "errors")
                if reading is not None:
                    return reading.text
        raise AssertionError("a code that was to be timed was not read")


def rows() -> list[Row]:
    """Median over some codes."""
    codes = [Bent(seed) for seed in range(CODES)]

    def each(repeats: int) -> float:
        return float(np.median([milliseconds(code.read, repeats) for code in codes]))

    ours = each(5)
    with patch.object(growth, "_moments", plain_moments):
        baseline = each(1)
    return [Row(f"lattice and codewords, {SIDE}x{SIDE}", ours, "at most 15", baseline, "ms")]


def plain_moments(held: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """The sums over the window of each place by themselves."""
    reach = growth.REACH
    padded = np.pad(held, ((0, 0), (reach, reach), (0, 0)))
    away = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (away / growth.WINDOW) ** 2)
    sums = np.empty((len(held), 3, 3, len(rows)), held.dtype)
    for place, (row, col) in enumerate(zip(rows, cols, strict=True)):
        around = padded[:, row : row + len(away), col : col + len(away)] * window * window[:, None]
        for p in range(3):
            for q in range(3):
                sums[:, p, q, place] = (around * away[:, None] ** p * away**q).sum(axis=(1, 2))
    return sums


def _bent(rng: np.random.Generator) -> np.ndarray:
    """Centres (SIDE, SIDE, 2): waves of some tenths of a cell, then a view from aside."""
    knots = rng.normal(0, 0.25, (4, 4, 2)).astype(np.float32)
    x, y = np.meshgrid(np.arange(SIDE, dtype=float), np.arange(SIDE, dtype=float))
    plane = np.stack([x, y], axis=-1) + cv2.resize(knots, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    corners = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], np.float32)
    view = cv2.getPerspectiveTransform(corners, corners + rng.uniform(-3, 3, (4, 2)).astype(np.float32))
    return cv2.perspectiveTransform(plane.reshape(1, -1, 2), view).reshape(SIDE, SIDE, 2) * PITCH + 60
