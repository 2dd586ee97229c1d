"""The inverse of a backward map: where the points of the old picture lie in the new one."""

from collections.abc import Callable

import numpy as np

from cellmark.errors import CellmarkError

TOLERANCE = 1e-6  # pixels of the old picture; where no determinant is below 0.1, q is then exact to about 1e-5 px
_MOST_STEPS = 400
_LEAST_PACE = 2**-8  # share of a step that is taken in any case


def places_of(
    points: np.ndarray,
    source: Callable[[np.ndarray], np.ndarray],
    jacobians: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Solves ``source(q) = p`` by Newton's method, the step halved where it does not bring q nearer.

    Where the Jacobian jumps, as between the cells of a ``NodeField``, even the shortest step may not do so. It is taken
    all the same: if the determinants on both sides are positive, the next one leads on and not back again.

    Args:
        points: float (N, 2), the p: x, y in pixels.
        source: the place of the old picture that each of (N, 2) places of the new one shows, float64 (N, 2).
        jacobians: its derivatives, float64 (N, 2, 2): [:, i, j] is that of component i along axis j.

    Returns:
        float64 (N, 2), the q; each is exact to 1e-6 px in the old picture.

    Raises:
        CellmarkError: no solution was found, which happens only where the picture folds.
    """
    goal = np.asarray(points, np.float64).reshape(-1, 2)
    found, rest = goal.copy(), source(goal) - goal
    pace = np.ones(len(goal))
    for _ in range(_MOST_STEPS):
        at = np.flatnonzero(~(np.hypot(*rest.T) <= TOLERANCE))  # so that NaN counts as not found
        if not len(at):
            return found
        trial = found[at] - pace[at, None] * _newton_step(jacobians(found[at]), rest[at])
        left = source(trial) - goal[at]
        nearer = np.hypot(*left.T) < np.hypot(*rest[at].T)
        taken = nearer | ((pace[at] <= _LEAST_PACE) & np.isfinite(left).all(axis=1))
        found[at[taken]], rest[at[taken]] = trial[taken], left[taken]
        pace[at] = np.where(nearer, np.minimum(1, 2 * pace[at]), np.maximum(pace[at] / 2, _LEAST_PACE))
    x, y = goal[at[0]]
    raise CellmarkError(f"{len(at)} keypoints have no place in the warped image, the first at ({x:g}, {y:g})")


def determinants_of(jacobians: np.ndarray) -> np.ndarray:
    """Determinants (...) of (..., 2, 2) Jacobians: the area that a pixel of the new picture shows; 1 is rigid."""
    determinants: np.ndarray = jacobians[..., 0, 0] * jacobians[..., 1, 1] - jacobians[..., 0, 1] * jacobians[..., 1, 0]
    return determinants


def _newton_step(jacobians: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """J^-1 rest, (N, 2). A singular Jacobian gives infinite steps, which bring no point nearer."""
    (a, b), (c, d) = jacobians.transpose(1, 2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        step: np.ndarray = np.stack([d * rest[:, 0] - b * rest[:, 1], a * rest[:, 1] - c * rest[:, 0]], axis=1)
        step /= (a * d - b * c)[:, None]
    return step
