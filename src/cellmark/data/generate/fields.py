"""Random fields for textures, dirt and light. All are float32 (H, W), about mean 0, deviation 1."""

import cv2
import numpy as np

Shape = tuple[int, int]


def white(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """White noise, uniform: cheaper than normal noise, and no eye sees the difference after a blur."""
    return (rng.random(shape, dtype=np.float32) - np.float32(0.5)) * np.float32(3.4641)


def grain(rng: np.random.Generator, shape: Shape, size: float) -> np.ndarray:
    """Noise of grains about ``size`` pixels wide (Gaussian sigma)."""
    if size < 0.3:
        return white(rng, shape)
    blurred = cv2.GaussianBlur(white(rng, shape), (0, 0), size)
    return unit(blurred)


def smooth(rng: np.random.Generator, shape: Shape, cell: float) -> np.ndarray:
    """Noise without detail below ``cell`` pixels: a coarse random grid, interpolated."""
    if cell >= 16:  # so smooth that a quarter of the resolution shows all of it, at a fraction of the time
        quarter = smooth(rng, (shape[0] // 4 + 2, shape[1] // 4 + 2), cell / 4)
        size = 4 * quarter.shape[1], 4 * quarter.shape[0]
        return cv2.resize(quarter, size, interpolation=cv2.INTER_LINEAR)[2 : shape[0] + 2, 2 : shape[1] + 2]
    rows, cols = (int(np.ceil(side / cell)) + 3 for side in shape)
    grid = rng.standard_normal((rows, cols), dtype=np.float32)
    height, width = (int(np.ceil(count * cell)) for count in (rows, cols))
    large = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    top, left = (int(rng.integers(0, large.shape[axis] - shape[axis] + 1)) for axis in (0, 1))
    return large[top : top + shape[0], left : left + shape[1]]


def unit(field: np.ndarray) -> np.ndarray:
    """The field scaled to deviation 1, estimated from a sixteenth of it."""
    return field / np.float32(max(float(field[::4, ::4].std()), 1e-6))


def rgb(field: np.ndarray) -> np.ndarray:
    """The field (H, W) in three channels (H, W, 3): faster than a broadcast over so short an axis."""
    return cv2.merge((field, field, field))


def fractal(rng: np.random.Generator, shape: Shape, cell: float, octaves: int = 3, fall: float = 0.5) -> np.ndarray:
    """Sum of ``smooth`` fields, each half as coarse and ``fall`` times as strong as the one before."""
    total = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        total += np.float32(fall**octave) * smooth(rng, shape, max(cell / 2**octave, 1.5))
        power += fall ** (2 * octave)
    return total / np.float32(np.sqrt(power))


def streaks(rng: np.random.Generator, shape: Shape, length: float, angle: float) -> np.ndarray:
    """Noise drawn out to ``length`` pixels along ``angle`` (radians): brushing, rolling marks."""
    side = int(np.ceil(np.hypot(*shape))) + 4
    short = cv2.blur(white(rng, (side, side)), (max(3, int(length)), 1))
    noise = short + np.float32(0.7) * cv2.blur(short, (max(3, int(3 * length)), 1))
    turn: np.ndarray = cv2.getRotationMatrix2D((side / 2, side / 2), float(np.degrees(angle)), 1.0)
    turn[:, 2] -= np.array([side - shape[1], side - shape[0]]) / 2
    turned = cv2.warpAffine(noise, turn, (shape[1], shape[0]), borderMode=cv2.BORDER_REFLECT)
    return unit(turned)


def profile(rng: np.random.Generator, position: np.ndarray, period: float) -> np.ndarray:
    """A random function of one coordinate, about ``period`` pixels a swing: grooves left by a tool.

    Args:
        rng: source of randomness.
        position: float32 (H, W), the coordinate across the grooves in pixels.
        period: distance between grooves in pixels.
    """
    low = float(position.min())
    steps = int((float(position.max()) - low) * 4) + 2
    line = rng.standard_normal(steps, dtype=np.float32)[:, None]
    line = _blur_line(line, period)
    index = ((position - np.float32(low)) * np.float32(4)).astype(np.int32)
    result: np.ndarray = line[index.ravel(), 0].reshape(position.shape)
    return result


def _blur_line(line: np.ndarray, period: float) -> np.ndarray:
    sigma = max(period, 0.8) * 4 / 3.0
    width = 2 * int(3 * sigma) + 1
    kernel = cv2.getGaussianKernel(width, sigma, cv2.CV_32F)
    blurred = cv2.filter2D(line, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return blurred / np.float32(max(float(blurred.std()), 1e-6))


def pixel_grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y of the pixel centres of a square picture, float32 (size, size)."""
    line = np.arange(size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return x, y
