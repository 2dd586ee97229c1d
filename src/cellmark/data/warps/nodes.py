"""Displacements that are given at nodes a few pixels apart: any sum of warps, at a fraction of the time."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.data.warps.displacement import SMALLEST_DETERMINANT, FoldableWarp, Warp

COARSE = 4  # pixels between the nodes: the fields are smooth, so bilinear between them is enough
_FIRST = (COARSE - 1) / 2 - COARSE  # place of the first node: so that enlarging the nodes by COARSE meets the pixels


def node_counts(size: tuple[int, int]) -> tuple[int, int]:
    """The nodes along both sides of a picture, in the order of ``size``; the outermost lie around the picture."""
    return -(-size[0] // COARSE) + 2, -(-size[1] // COARSE) + 2


def at_nodes(warp: Warp) -> np.ndarray:
    """The displacement of a warp at the nodes of its pictures: float32 (rows, columns, 2) in pixels."""
    counts = node_counts(warp.size)
    x, y = (COARSE * np.arange(count, dtype=np.float32) + np.float32(_FIRST) for count in counts)
    parts = [np.broadcast_to(part, counts[::-1]) for part in warp.displacement(x[None], y[:, None])]
    nodes: np.ndarray = np.dstack(parts).astype(np.float32, copy=False)
    return nodes


@dataclass(frozen=True, eq=False)
class NodeField(FoldableWarp):
    """A displacement that is bilinear between nodes, and constant beyond the outermost of them.

    Attributes:
        nodes: float32 (rows, columns, 2) in pixels, of as many nodes as `node_counts` says.
    """

    nodes: np.ndarray

    def pixels(self) -> np.ndarray:
        """The displacement of every pixel, float32 (H, W, 2)."""
        (width, height), (rows, columns) = self.size, self.nodes.shape[:2]
        enlarged = cv2.resize(self.nodes, (COARSE * columns, COARSE * rows), interpolation=cv2.INTER_LINEAR)
        return enlarged[COARSE : COARSE + height, COARSE : COARSE + width]

    def displacement(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Warp.displacement`."""
        x, y = np.broadcast_arrays(x, y)
        (a, b, c, d), right, down, _ = self._cells(np.stack([x.ravel(), y.ravel()], axis=1))
        upper, lower = a + right * (b - a), c + right * (d - c)
        dx, dy = (upper + down * (lower - upper)).astype(x.dtype).T
        return dx.reshape(x.shape), dy.reshape(x.shape)

    def jacobians(self, places: np.ndarray) -> np.ndarray:
        """See `FoldableWarp.jacobians`; on the line between two cells those of one of them."""
        (a, b, c, d), right, down, inside = self._cells(np.asarray(places, np.float64).reshape(-1, 2))
        slopes = np.stack([b - a + down * (a - b - c + d), c - a + right * (a - b - c + d)], axis=2)
        jacobians: np.ndarray = np.eye(2) + slopes * inside[:, None] / COARSE
        return jacobians

    def unfolded(self, points: np.ndarray | None = None) -> bool:
        """See `FoldableWarp.unfolded`; here of all points there can be."""
        return self.smallest_determinant() >= SMALLEST_DETERMINANT

    def smallest_determinant(self) -> float:
        """The smallest determinant in the picture and around it; exact.

        In a cell of four nodes the determinant is linear in x and in y, without a product of them, so it is least at
        a corner; and a rim of repeated nodes shows all that lies around the picture. If it is positive everywhere, so
        the map is one-to-one near every place, and as it moves no place further than the longest displacement, it is
        one-to-one over the whole plane: each point has exactly one place.
        """
        nodes = np.pad(self.nodes, ((1, 1), (1, 1), (0, 0)), mode="edge")
        along_x, along_y = (np.diff(nodes, axis=axis) / COARSE for axis in (1, 0))
        along_x[..., 0] += 1
        along_y[..., 1] += 1
        sides = [(x, y) for x in (along_x[:-1], along_x[1:]) for y in (along_y[:, :-1], along_y[:, 1:])]
        return min(float((x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]).min()) for x, y in sides)

    def _cells(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Where (N, 2) places lie among the nodes.

        Returns:
            The displacements (4, N, 2) of the nodes to the upper left, upper right, lower left and lower right; the
            shares (N, 1) of their distance to the right and down; and bool (N, 2), not beyond the outermost nodes.
        """
        last = np.array(self.nodes.shape[1::-1]) - 1
        free = (places - _FIRST) / COARSE
        held = np.clip(free, 0, last)
        low = np.minimum(held.astype(np.int64), last - 1)
        left, top = low.T
        corners = self.nodes[np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1])]
        return corners, (held - low)[:, :1], (held - low)[:, 1:], held == free
