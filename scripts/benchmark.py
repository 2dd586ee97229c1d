"""Times the pieces that have a stated limit, each beside a plain per-point numpy loop: ``make benchmark``.

The ratio is baseline / ours; the figure is the median of several runs on this machine.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from cellmark.data.generate.scenes import CONDITIONS, draw
from cellmark.data.records import BLACK, Code
from cellmark.files import write_png
from cellmark.heatmaps.codec import GaussianCodec

BATCH, CELLS, SIZE, CLASSES, SIGMA = 8, 1000, 512, 2, 2.0


def main() -> None:
    """Runs every benchmark and prints one table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=10, help="synthetic images per condition")
    options = arguments.parse_args()
    table = Table(title=f"{os.cpu_count()} cores, torch {torch.__version__}", title_justify="left")
    for column in ("what", "ours", "limit", "plain numpy loop", "ratio"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name, ours, limit, baseline in codec_times():
        table.add_row(name, f"{ours:.1f} ms", f"{limit} ms", f"{baseline:.0f} ms", f"{baseline / ours:.0f}x")
    for name, rate, baseline in synthesis_rates(options.images):
        table.add_row(name, f"{rate:.0f} /s", "25 /s", f"{baseline:.0f} /s", f"{rate / baseline:.1f}x")
    Console().print(table)


def codec_times() -> list[tuple[str, float, int, float]]:
    """Encode and decode of 8 images with 1000 cells at 512x512: name, ms, limit in ms, ms of the baseline."""
    rng = np.random.default_rng(0)
    points = np.stack([_grid(rng) for _ in range(BATCH)]).astype(np.float32)
    labels = rng.integers(0, CLASSES, (BATCH, CELLS))
    codec, pitch = GaussianCodec(SIGMA), torch.ones(BATCH, CELLS)
    tensors = torch.from_numpy(points), torch.from_numpy(labels)

    def encode() -> torch.Tensor:
        return codec.encode(*tensors, pitch, (SIZE, SIZE), 1, CLASSES)

    maps = encode()
    array = maps.numpy()
    return [
        (
            "encode 8 x 1000 cells, 512x512",
            milliseconds(encode, 15),
            50,
            milliseconds(lambda: plain_encode(points, labels), 1),
        ),
        (
            "decode 8 maps, 512x512",
            milliseconds(lambda: codec.decode(maps, 1), 15),
            60,
            milliseconds(lambda: plain_decode(array, codec.threshold), 1),
        ),
    ]


def synthesis_rates(count: int) -> list[tuple[str, float, float]]:
    """Images of 256x256 per second on one core, PNG writing included: name, ours, baseline.

    The baseline paints the same cells one after another and writes the same kind of file; it knows no surface, no
    light, no optics and no clutter.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    seconds = np.zeros((len(CONDITIONS), 2))
    with tempfile.TemporaryDirectory() as folder:
        for index, condition in enumerate(CONDITIONS):
            draw(condition, 256, np.random.default_rng([9, index]), 0.5)  # fills the caches
            for number in range(count):
                started = time.process_time()
                rng = np.random.default_rng([1, index, number])
                drawing = draw(condition, 256, rng, (number + 0.5) / count)
                write_png(Path(folder) / "ours.png", drawing.image)
                drawn = time.process_time()
                write_png(Path(folder) / "plain.png", plain_drawing(drawing.codes))
                seconds[index] += drawn - started, time.process_time() - drawn
    cv2.setNumThreads(threads)
    names = [f"synth {condition}, one core" for condition in CONDITIONS]
    rows = [*zip(names, *(count / seconds.T), strict=True)]
    return [*rows, ("synth, all conditions, one core", *(count * len(CONDITIONS) / seconds.sum(axis=0)))]


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall-clock time of ``work``, after one run to warm up where there are several."""
    times = []
    for _ in range(repeats + (repeats > 1)):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times[repeats > 1 :])


def plain_encode(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One Gaussian after another, in a window of 5 sigma around each point."""
    maps = np.zeros((BATCH, CLASSES, SIZE, SIZE), np.float32)
    reach = int(5 * SIGMA)
    for image in range(BATCH):
        for (x, y), label in zip(points[image], labels[image], strict=True):
            left, top = max(0, round(x) - reach), max(0, round(y) - reach)
            right, bottom = min(SIZE, round(x) + reach + 1), min(SIZE, round(y) + reach + 1)
            rows, columns = np.mgrid[top:bottom, left:right]
            value = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * SIGMA**2))
            window = maps[image, label, top:bottom, left:right]
            np.maximum(window, value, out=window)
    return maps


def plain_decode(maps: np.ndarray, threshold: float) -> list[tuple[int, int, float, float]]:
    """Every pixel above the threshold compared with its neighbours, then a parabola along each axis."""
    found = []
    for image, label, row, column in np.argwhere(maps >= threshold):
        plane = maps[image, label]
        window = plane[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if plane[row, column] < window.max() or not (0 < row < SIZE - 1 and 0 < column < SIZE - 1):
            continue
        logs = np.log(np.maximum(plane[row - 1 : row + 2, column - 1 : column + 2], 1e-12))
        dx = (logs[1, 2] - logs[1, 0]) / (2 * (2 * logs[1, 1] - logs[1, 0] - logs[1, 2]))
        dy = (logs[2, 1] - logs[0, 1]) / (2 * (2 * logs[1, 1] - logs[0, 1] - logs[2, 1]))
        found.append((image, label, column + dx, row + dy))
    return found


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


def _grid(rng: np.random.Generator) -> np.ndarray:
    """1000 cells of a slightly irregular lattice, 15 px apart."""
    steps = np.stack(np.meshgrid(np.arange(40), np.arange(25)), axis=-1).reshape(-1, 2)
    return steps * [12.0, 20.0] + 12 + rng.uniform(-2, 2, (CELLS, 2))


if __name__ == "__main__":
    main()
