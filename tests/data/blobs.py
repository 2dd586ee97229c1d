"""Pictures of Gaussian blobs, and where their centroids lie."""

from pathlib import Path

import numpy as np

from cellmark.data.records import Sample

SIGMA = 2.0


def draw_blobs(points: np.ndarray, size: tuple[int, int], sigma: float = SIGMA) -> np.ndarray:
    """White blobs on black at (N, 2) points; uint8 (H, W, 3) for a size of height and width."""
    image = np.zeros(size)
    for x, y in points:  # beyond 6 sigma a blob is darker than a millionth
        top, left = max(0, int(y - 6 * sigma)), max(0, int(x - 6 * sigma))
        box = image[top : max(0, int(y + 6 * sigma) + 2), left : max(0, int(x + 6 * sigma) + 2)]
        rows, columns = np.arange(top, top + box.shape[0]), np.arange(left, left + box.shape[1])
        across = np.exp(-((columns - x) ** 2) / (2 * sigma**2))
        box += np.outer(np.exp(-((rows - y) ** 2) / (2 * sigma**2)), across)
    return np.repeat((image * 250).round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def window(image: np.ndarray, near: np.ndarray, reach: int) -> tuple[np.ndarray, int, int]:
    """The pixels within ``reach`` of ``near``, float (h, w, 3), and the first row and column of them."""
    x, y = np.round(near).astype(int)
    top, left = max(0, y - reach), max(0, x - reach)
    return image[top : y + reach + 1, left : x + reach + 1].astype(float), top, left


def centroid(image: np.ndarray, near: np.ndarray, reach: int, power: int = 1) -> np.ndarray:
    """Centre (x, y) of the blob around ``near``, weighted with the intensity to the ``power``.

    In a bent map a centroid is off by about sigma^2 / 2 times the second derivative of the map. A power n narrows the
    blob to sigma / sqrt(n), though it was sampled as finely as before.
    """
    pixels, top, left = window(image, near, reach)
    weights = (pixels[..., 0] / 255) ** power
    rows, columns = np.mgrid[top : top + weights.shape[0], left : left + weights.shape[1]]
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


def sample_of(image: np.ndarray, points: np.ndarray, labels: np.ndarray | None = None) -> Sample:
    """A sample whose points are those of one code, each with a label of its own unless ``labels`` tells others."""
    points = np.asarray(points, np.float32).reshape(-1, 2)
    count = np.arange(len(points))
    places = np.column_stack([np.zeros_like(count), count])
    return Sample(image, points, count if labels is None else labels, places, (None,), "f", Path("a.png"), 1)


def blob_sample(
    points: np.ndarray, labels: np.ndarray | None = None, size: tuple[int, int] = (96, 96), sigma: float = SIGMA
) -> Sample:
    """A sample of white blobs."""
    return sample_of(draw_blobs(np.asarray(points), size, sigma), points, labels)


def lattice(size: tuple[int, int], step: int, rim: int) -> np.ndarray:
    """Points about ``step`` apart, at random fractions of a pixel, at least ``rim`` from the border; (N, 2)."""
    x, y = np.meshgrid(np.arange(rim + 0.5, size[1] - rim - 1, step), np.arange(rim + 0.5, size[0] - rim - 1, step))
    places = np.column_stack([x.ravel(), y.ravel()])
    return places + np.random.default_rng(1).uniform(-0.5, 0.5, places.shape)
