"""One-to-one matching of predicted and true cells."""

import numpy as np
from scipy.spatial import cKDTree


def match(predicted: np.ndarray, truth: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives every true cell the nearest prediction within its radius.

    Radii of at most half the distance between true cells make the circles disjoint: a prediction lies in one circle
    at most, the one around its nearest true cell, so this simple rule is the largest and the closest
    one-to-one matching.

    Args:
        predicted: (P, 2) points.
        truth: (N, 2) points.
        radius: (N,) largest distance to each true point, at most half the distance to its nearest neighbour.

    Returns:
        Indices into ``predicted`` and into ``truth`` of the matched pairs, and their distances, each (M,).
    """
    if not len(predicted) or not len(truth):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    distance, nearest = cKDTree(truth).query(predicted)
    inside = np.flatnonzero(distance <= radius[nearest])
    inside = inside[np.argsort(distance[inside], kind="stable")]
    cells, first = np.unique(nearest[inside], return_index=True)
    return inside[first], cells, distance[inside[first]]
