"""Where a lattice is most regular: the places from which it is grown."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 8  # around a cell
STRAIGHT = 0.22  # how far opposite neighbours may be from lying opposite, in their distance
ALIKE = 0.25  # how much the directions at neighbouring cells may differ, in their lengths
OPEN = 0.45  # least sine of the angle between the two directions


@dataclass(frozen=True)
class Seeds:
    """Cells whose four neighbours lie where a lattice has them, those first whose surroundings are like them.

    Attributes:
        cells: int (S,) index of the cell.
        right: int (S, 2) index of its neighbours along one direction, forwards and backwards.
        down: int (S, 2) likewise along the other direction.
    """

    cells: np.ndarray
    right: np.ndarray
    down: np.ndarray


def find_seeds(points: np.ndarray, tree: cKDTree) -> Seeds:
    """Looks for cells with two pairs of opposite neighbours.

    Of all pairs of neighbours the two shortest that are not of one direction are taken. In a strongly slanted view
    one of them may be a diagonal of the code: the lattice is the same, ``straighten`` finds the code's own rows later.

    Args:
        points: (N, 2) centres of cells.
        tree: of the points.
    """
    count = min(NEIGHBOURS, len(points) - 1)
    none = Seeds(np.zeros(0, int), np.zeros((0, 2), int), np.zeros((0, 2), int))
    if count < 4:
        return none
    index = tree.query(points, k=count + 1)[1][:, 1:]
    # The plane as complex numbers takes half as many operations
    place = (points[:, 0] + 1j * points[:, 1]).astype(np.complex64)
    away = place[index] - place[:, None]
    length = np.abs(away)
    m, n = np.triu_indices(count, 1)
    reach = (length[:, m] + length[:, n]) / 2
    bent = np.abs(away[:, m] + away[:, n]) / np.maximum(reach, 1e-9)
    cost = np.where(bent < STRAIGHT, reach, np.inf)
    rows = np.arange(len(points))
    first = cost.argmin(axis=1)
    a = away[rows, m[first]]
    cross = np.abs((a.conj()[:, None] * away).imag)
    sine = cross / np.maximum(np.abs(a)[:, None] * length, 1e-9)
    other = np.where(sine[:, m] > OPEN, cost, np.inf)
    second = other.argmin(axis=1)
    # A pair far longer than the nearest neighbour means that cells between are missing
    longest = np.maximum(cost[rows, first], other[rows, second])
    sound = np.isfinite(longest) & (longest < 2.2 * length[:, 0])
    b = away[rows, m[second]]
    agreeing = _agreement(a, b, index, sound)
    error = bent[rows, first] + bent[rows, np.where(sound, second, 0)] - agreeing
    order = np.argsort(np.where(sound, error, np.inf), kind="stable")[: int(sound.sum())]
    right = np.stack([index[order, m[first[order]]], index[order, n[first[order]]]], axis=1)
    down = np.stack([index[order, m[second[order]]], index[order, n[second[order]]]], axis=1)
    return Seeds(order, right, down)


def _agreement(a: np.ndarray, b: np.ndarray, index: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Number of neighbours (N,) with the same two directions, whatever their order and signs.

    Args:
        a: complex (N,) one direction at each cell.
        b: complex (N,) the other one.
        index: int (N, K) neighbours of each cell.
        sound: bool (N,) cells that have directions.
    """

    def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        here, there = one[:, None], other[index]
        result: np.ndarray = np.minimum(np.abs(here - there), np.abs(here + there))
        return result

    length = np.abs(a) + np.abs(b)
    difference = np.minimum(apart(a, a) + apart(b, b), apart(a, b) + apart(b, a)) / np.maximum(length, 1e-9)[:, None]
    result: np.ndarray = ((difference < ALIKE) & sound[index]).sum(axis=1)
    return result
