"""Which cells belong together: from loose cells to codes."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

REACH = 2.0  # cells up to this many pitches apart belong to one code
NEIGHBOURS = 20  # of a cell in a full lattice lie within two pitches: 12; the rest is for stretched ones


def group_codes(points: np.ndarray, min_cells: int) -> list[np.ndarray]:
    """Splits cells into codes: groups in which each cell has a neighbour within two pitches.

    The pitch of a cell is the median distance of the nearest neighbours of its eight nearest cells, so that a
    picture may hold codes of several sizes and a stray cell does not join them.

    Args:
        points: (N, 2) centres.
        min_cells: groups with fewer cells are no code.

    Returns:
        Indices into ``points`` of each code, the largest code first.
    """
    if len(points) < max(min_cells, 2):
        return []
    count = min(NEIGHBOURS + 1, len(points))
    distance, near = cKDTree(points).query(points, k=count)
    pitch = np.median(distance[near[:, :9], 1], axis=1)
    close = distance[:, 1:] <= REACH * np.minimum(pitch[:, None], pitch[near[:, 1:]])
    first, place = np.nonzero(close)
    graph = coo_array((np.ones(len(first)), (first, near[first, place + 1])), shape=(len(points), len(points)))
    group = connected_components(graph, directed=False)[1]
    large = np.flatnonzero(np.bincount(group) >= min_cells)
    return sorted((np.flatnonzero(group == index) for index in large), key=len, reverse=True)
