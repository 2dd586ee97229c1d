"""Synthesis of pictures, beside painting the cells alone."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.timing import Row
from cellmark.data.generate.scenes import CONDITIONS, draw
from cellmark.data.records import BLACK, Code
from cellmark.files import write_image

IMAGES = 10  # of each condition


def rows() -> list[Row]:
    """Images of 256x256 per second on one core, PNG writing included.

    The baseline paints the same cells one after another and writes the same kind of file; it knows no surface, no
    light, no optics and no clutter.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    seconds = np.zeros((len(CONDITIONS), 2))
    with tempfile.TemporaryDirectory() as folder:
        for index, condition in enumerate(CONDITIONS):
            draw(condition, 256, np.random.default_rng([9, index]), 0.5)  # fills the caches
            for number in range(IMAGES):
                started = time.process_time()
                rng = np.random.default_rng([1, index, number])
                drawing = draw(condition, 256, rng, (number + 0.5) / IMAGES)
                write_image(Path(folder) / "ours.png", drawing.image)
                drawn = time.process_time()
                write_image(Path(folder) / "plain.png", plain_drawing(drawing.codes))
                seconds[index] += drawn - started, time.process_time() - drawn
    cv2.setNumThreads(threads)
    rates = np.vstack([IMAGES / seconds, IMAGES * len(CONDITIONS) / seconds.sum(axis=0)])
    names = [f"synth {name}, one core" for name in (*CONDITIONS, "all conditions")]
    return [Row(name, ours, "at least 25", plain, "/s") for name, (ours, plain) in zip(names, rates, strict=True)]


def plain_drawing(codes: Sequence[Code], size: int = 256, fine: int = 3) -> np.ndarray:
    """Every cell as the parallelogram of its steps to the next ones, ``fine`` x ``fine`` samples a pixel."""
    picture = np.full((size * fine, size * fine), 255.0)
    for code in codes:
        shape = (code.rows or 0, code.cols or 0)
        grid = ((code.keypoints[:, :2] + 0.5) * fine - 0.5).reshape(*shape, 2)
        down, right = np.asarray(np.gradient(grid, axis=(0, 1)))
        for row, column in np.argwhere(code.keypoints[:, 2].reshape(shape) == BLACK):
            centre, steps = grid[row, column], np.stack([right[row, column], down[row, column]], axis=1)
            reach = np.abs(steps).sum(axis=1) / 2
            left, top = np.maximum(np.floor(centre - reach), 0).astype(int)
            end_x, end_y = np.minimum(np.ceil(centre + reach) + 1, size * fine).astype(int)
            y, x = np.mgrid[top:end_y, left:end_x]
            inside = np.linalg.solve(steps, np.stack([x.ravel() - centre[0], y.ravel() - centre[1]]))
            window = picture[top:end_y, left:end_x]
            window[(np.abs(inside) <= 0.5).all(axis=0).reshape(window.shape)] = 0
    small = picture.reshape(size, fine, size, fine).mean(axis=(1, 3))
    return np.repeat(small.round().astype(np.uint8)[..., None], 3, axis=2)
