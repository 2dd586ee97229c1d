"""Binary grids of cells: reading them, and which of 0 and 1 is black.

The finder of a DataMatrix, two adjacent outer sides that are solid black, tells both the meaning of 0 and 1 and
which side is which. The other two sides alternate, so that no sound grid shows the finder in white.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellmark.data.json_entries import Entry, RepeatedKeys, shown

GRID = "datamatrix.binary_grid"
UNDECIDABLE = (
    "undecidable: no two adjacent outer sides are all 1 or all 0 (or all four are), so nothing tells which is black"
)

_OUTER, _INNER = GRID.split(".")


@dataclass(frozen=True)
class Finder:
    """What the finder tells about a grid.

    Attributes:
        black: bool (rows, cols), True for black, in the order of the grid.
        inverted: 0 meant black.
        turn: how often ``np.rot90`` turns the grid until the finder lies on the left and at the bottom; None where
            three sides are solid, which leaves it open.
    """

    black: np.ndarray
    inverted: bool
    turn: int | None

    @property
    def order(self) -> np.ndarray:
        """int64 (rows * cols,) indices that bring the cells into row-major order of the turned grid, if it is known."""
        indices = np.arange(self.black.size).reshape(self.black.shape)
        return np.rot90(indices, self.turn or 0).ravel()

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of the turned grid, None where the turn is not known."""
        if self.turn is None:
            return None
        rows, cols = self.black.shape
        return (cols, rows) if self.turn % 2 else (rows, cols)


def find_finder(grid: np.ndarray) -> Finder | None:
    """Decides which value is black.

    Two adjacent sides cannot be all 1 while two adjacent ones are all 0: a side of the first pair meets a side of
    the second one in a corner.

    Args:
        grid: bool (rows, cols), as it is in the file.

    Returns:
        None where neither value fills two adjacent outer sides, and where one fills all four: that may be a frame
        of white around the code as well as a black code.
    """
    for inverted in (False, True):
        black = grid != inverted
        turns = [turn for turn in range(4) if _left_and_bottom(np.rot90(black, turn))]
        if 0 < len(turns) < 4:
            return Finder(black, inverted, turns[0] if len(turns) == 1 else None)
    return None


def has_grid(values: Mapping[str, Any]) -> bool:
    """Whether an annotation carries a grid, sound or not."""
    nested = values.get(_OUTER)
    return GRID in values or (isinstance(nested, dict) and _INNER in nested)


def parse_grid(entry: Entry) -> np.ndarray | None:
    """The grid of an annotation, under the nested or the flat key; what is wrong is noted.

    A cell is 0 or 1, or what equals one of them in JSON: ``true``, ``false``, ``1.0``, ``0.0``.

    Returns:
        bool (rows, cols), both at least 1; None if anything is wrong.
    """
    nested = entry.values.get(_OUTER)
    if isinstance(nested, RepeatedKeys) and _INNER in nested.keys_twice:
        entry.note(f"{GRID} stands more than once")
        return None
    if nested is not None and not isinstance(nested, dict):
        entry.note(f"{_OUTER} is {shown(nested)}, not an object")
        return None
    if not has_grid(entry.values):
        entry.note(f"{GRID} is missing")
        return None
    inside = (nested or {}).get(_INNER)
    rows = entry.values.get(GRID, inside)
    if inside is not None and inside != rows:
        entry.note(f"{GRID} is there under the nested and the flat key, and they differ")
        return None
    reason = _against(rows)
    if reason is not None:
        entry.note(f"{GRID} {reason}")
        return None
    return np.array(rows, np.float64).astype(bool)


def _against(rows: Any) -> str | None:
    """The first reason why this is no grid."""
    if not isinstance(rows, list):
        return f"is {shown(rows)}, not a list of rows"
    for number, row in enumerate(rows):
        if not isinstance(row, list):
            return f"has {shown(row)} as row {number}, not a list"
        if len(row) != len(rows[0]):
            return f"has {len(row)} cells in row {number}, but {len(rows[0])} in row 0"
        for column, cell in enumerate(row):
            if cell not in (0, 1):  # of JSON's values only numbers, true and false can equal one of them
                return f"has {shown(cell)} in row {number}, column {column}, neither 0 nor 1"
    return None if rows and rows[0] else "is empty"


def _left_and_bottom(black: np.ndarray) -> bool:
    return bool(black[:, 0].all() and black[-1].all())
