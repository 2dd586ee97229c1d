"""Pictures of Gaussian blobs, and where their centroids lie."""

import numpy as np

SIGMA = 2.0


def draw_blobs(points: np.ndarray, size: tuple[int, int], sigma: float = SIGMA) -> np.ndarray:
    """White blobs on black at (N, 2) points; uint8 (H, W, 3)."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    image = np.zeros(size)
    for x, y in points:
        image += np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2))
    return np.repeat((image * 250).round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def centroid(image: np.ndarray, near: np.ndarray, reach: int) -> np.ndarray:
    """Intensity-weighted centre (x, y) of the blob around ``near``."""
    x, y = np.round(near).astype(int)
    top, left = max(0, y - reach), max(0, x - reach)
    window = image[top : y + reach + 1, left : x + reach + 1, 0].astype(float)
    rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
    return np.array([(columns * window).sum(), (rows * window).sum()]) / window.sum()
