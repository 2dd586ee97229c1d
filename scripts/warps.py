"""Measures the report's keypoints of crumpled pictures beside ours and writes ``docs/warps.md`` with its pictures.

White blobs are drawn at keypoints, the picture is crumpled, and where the blobs went is measured in the crumpled
picture. The report moves a keypoint by plus the displacement read off at its old place; we solve for its new place.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cellmark.data.warps.displacement import Warp, draw_unfolded
from cellmark.data.warps.random_fields import Crumpling
from warps_page import Errors, write_page

INTENSITIES = (0.3, 1.0, 2.0)  # the first is the report's
SIGMA, REACH = 1.2, 12  # of a blob, and of the window around it, pixels
POWER = 3  # of the weights of a centroid, see `centroids`
_CENTRAL = (0.2, 0.8)  # of each side: where the wrinkles are


def main() -> None:
    """Reads the arguments, measures and writes the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--fields", type=int, default=40, help="random fields for each intensity")
    arguments.add_argument("--seed", type=int, default=0, help="of the first field")
    arguments.add_argument("--docs", type=Path, default=Path("docs"), help="where the page goes")
    options = arguments.parse_args()
    seeds = range(options.seed, options.seed + options.fields)
    found = [measure(intensity, seeds) for intensity in INTENSITIES]
    write_page(options.docs, found, f"python scripts/warps.py {' '.join(sys.argv[1:])}".strip())


def measure(intensity: float, seeds: Iterable[int], side: int = 512, count: int = 10) -> Errors:
    """Blobs in one field for each seed.

    Args:
        intensity: of the crumpling.
        seeds: of the fields.
        side: of the pictures in pixels.
        count: blobs along each side of a grid over the central region; even.
    """
    redraws, found = [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        grid = np.stack(np.meshgrid(*[np.linspace(*_CENTRAL, count) * side] * 2), axis=-1)
        grid = grid + rng.uniform(-0.5, 0.5, grid.shape)
        field, again = draw_unfolded(lambda rng: Crumpling.draw(rng, (side, side), intensity), rng, grid.reshape(-1, 2))
        redraws.append(again)
        for row, column in np.ndindex(2, 2):  # a quarter of the blobs a picture, so that none is in another's window
            found.append(distances(field, grid[row::2, column::2].reshape(-1, 2)))
    return Errors(intensity, len(redraws), sum(redraws), *np.concatenate(found, axis=1))


def distances(warp: Crumpling, points: np.ndarray) -> np.ndarray:
    """(4, N): how far blobs at (N, 2) points move, how far both keypoints are from there, and how far a wrinkle is."""
    ours = warp.move(points)
    seen = centroids(warp.warp(blobs(points, warp.size), "replicate"), ours)
    rows = [np.hypot(*(seen - places).T) for places in (points, report_keypoints(warp, points), ours)]
    wrinkles = np.array([(wrinkle.x, wrinkle.y) for wrinkle in warp.wrinkles])
    return np.stack([*rows, np.linalg.norm(ours[:, None] - wrinkles, axis=2).min(axis=1)])


def report_keypoints(warp: Warp, points: np.ndarray) -> np.ndarray:
    """The report's places of (N, 2) keypoints: the displacement at the old place is added to it."""
    return warp.source(points)  # q + D(q), which is the old place of a new one, not the new place of an old one


def blobs(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture, uint8 (H, W), of white Gaussian blobs on black."""
    across, down = (
        np.exp(-((np.arange(side) - points[:, axis, None]) ** 2) / (2 * SIGMA**2)) for axis, side in enumerate(size)
    )
    picture: np.ndarray = np.rint(250 * (down.T @ across)).clip(0, 255).astype(np.uint8)
    return picture


def centroids(picture: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Centres (N, 2) of the blobs around (N, 2) places, weighted with the third power of the grey level.

    In a bent picture the centroid of a blob is off by about sigma^2 / 2 times the second derivative of the field; the
    power narrows a blob to sigma / sqrt(3), though it was sampled as finely as before.
    """
    found = []
    for x, y in np.rint(near).astype(int):
        window = picture[y - REACH : y + REACH + 1, x - REACH : x + REACH + 1].astype(float) ** POWER
        line = np.arange(-REACH, REACH + 1)
        found.append([x + (window.sum(axis=0) @ line) / window.sum(), y + (window.sum(axis=1) @ line) / window.sum()])
    return np.array(found)


if __name__ == "__main__":
    main()
