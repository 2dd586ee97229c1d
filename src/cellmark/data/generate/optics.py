"""Light on the scene, and the camera that takes it: all kernels are symmetric, so that no centre moves."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellmark.data.generate.fields import grain, pixel_grid, rgb


@dataclass(frozen=True)
class Camera:
    """How bad the picture taking is at severity 1; all are upper limits of what is drawn per picture.

    Attributes:
        defocus: blur radius (Gaussian sigma) relative to the cell pitch.
        motion: length of the motion blur relative to the cell pitch.
        noise: standard deviation of the sensor's noise, of full scale.
        contrast: share of the contrast that gets lost.
        mono: probability of a monochrome camera.
        jpeg: points of JPEG quality that get lost.
        coarse: probability of few pixels for each cell, enlarged again.
        fewest: the fewest pixels for each cell that are taken then.
        sharpen: probability of a camera that sharpens: halos along edges.
        binary: probability of a picture of black and white only, as a fax or a scanner makes it.
    """

    defocus: float = 0.18
    motion: float = 0.0
    noise: float = 0.03
    contrast: float = 0.3
    mono: float = 0.35
    jpeg: float = 55.0
    coarse: float = 0.0
    fewest: float = 1.6
    sharpen: float = 0.0
    binary: float = 0.0


ENLARGED_BY = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
MOST_PIXELS = 4.0  # for each cell, where the camera is coarse


def blur_kernel(defocus: float, motion: float, angle: float) -> np.ndarray:
    """A blur that is exactly symmetric about its centre.

    Args:
        defocus: Gaussian sigma in pixels.
        motion: length of the path in pixels.
        angle: its direction, radians.

    Returns:
        float32 (K, K), K odd, sum 1.
    """
    half = int(np.ceil(3 * defocus + motion / 2)) + 1
    line = np.arange(-half, half + 1, dtype=np.float64)
    x, y = np.meshgrid(line, line)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    away = np.maximum(np.abs(along) - motion / 2, 0.0)
    sigma = max(defocus, 0.3)
    kernel = np.exp(-(away**2 + across**2) / (2 * sigma**2))
    kernel += kernel[::-1, ::-1]
    result: np.ndarray = (kernel / kernel.sum()).astype(np.float32)
    return result


def ramp(rng: np.random.Generator, size: int, strength: float) -> np.ndarray:
    """Light that falls off to one side and to the corners, about 1; float32 (size, size, 3)."""
    x, y = pixel_grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    along = (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y) / np.float32(size)
    centre = rng.uniform(0.2, 0.8, 2).astype(np.float32) * np.float32(size)
    square = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / np.float32(size * size)
    slope, fall = rng.uniform(0.2, 1.0, 2).astype(np.float32) * np.float32(strength)
    light = (1 + slope * (along - along.mean()) * 2) * (1 - fall * square)
    result: np.ndarray = rgb(np.maximum(light, np.float32(0.05)))
    return result


def highlight(rng: np.random.Generator, size: int, strength: float) -> np.ndarray:
    """One specular spot, round to drawn out; float32 (size, size, 3), to be added."""
    x, y = pixel_grid(size)
    angle = rng.uniform(0, np.pi)
    cx, cy = rng.uniform(0, size, 2).astype(np.float32)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    wide = np.float32(size * rng.uniform(0.04, 0.22))
    narrow = wide * np.float32(rng.uniform(0.15, 1.0))
    along, across = (c * (x - cx) + s * (y - cy)) / wide, (c * (y - cy) - s * (x - cx)) / narrow
    result: np.ndarray = rgb(np.float32(strength) * np.exp(-0.5 * (along * along + across * across)))
    return result


def take(rng: np.random.Generator, scene: np.ndarray, camera: Camera, pitch: float, severity: float) -> np.ndarray:
    """The photograph of a scene.

    Args:
        rng: source of randomness.
        scene: float32 (H, W, 3), linear 0..1.
        camera: limits of what may go wrong.
        pitch: distance between cells in pixels: blur is relative to it.
        severity: strength of everything.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    defocus = 0.35 + severity * camera.defocus * pitch * rng.beta(1.2, 1.8)
    motion = severity * camera.motion * pitch * rng.beta(1.5, 1.5)
    kernel = blur_kernel(defocus, motion, rng.uniform(0, np.pi))
    image = cv2.filter2D(np.clip(scene, 0, 1.6), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    size = image.shape[0]
    side = _coarse_side(rng, camera, size, pitch)
    image = _expose(rng, reduced(image, side), camera, severity)
    image = image + _noise(rng, image, camera.noise * severity * rng.beta(1.3, 1.5) + 0.003)
    if rng.random() < camera.sharpen:
        halo = image - cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.6))
        image = image + np.float32(rng.uniform(0.4, 1.8)) * halo
    pixels = (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if rng.random() < camera.mono:
        pixels = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < camera.binary:
        pixels = binarised(pixels)
    loss = camera.jpeg if side == size else 0.5 * camera.jpeg  # few pixels: as much JPEG would leave nothing
    pixels = _compress(pixels, int(96 - min(severity, 1.5) * loss * rng.beta(1.2, 1.5)))
    return pixels if side == size else enlarged(pixels, size, ENLARGED_BY[rng.integers(len(ENLARGED_BY))])


def _coarse_side(rng: np.random.Generator, camera: Camera, size: int, pitch: float) -> int:
    """Side of the picture that the camera takes, in pixels: ``size``, or fewer where it is coarse."""
    if rng.random() >= camera.coarse:
        return size
    return min(size, int(np.ceil(size * rng.uniform(camera.fewest, MOST_PIXELS) / pitch)))


def reduced(image: np.ndarray, side: int) -> np.ndarray:
    """The square picture with ``side`` pixels a side: each is the mean over its area, so centres stay."""
    if side == image.shape[0]:
        return image
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def enlarged(image: np.ndarray, size: int, method: int) -> np.ndarray:
    """The picture enlarged to ``size`` by one of ``ENLARGED_BY``; all are of the half-pixel convention.

    The nearest pixel alone would move edges by up to half a pixel where the sizes are no multiples of each other;
    here each large pixel keeps its exact borders, so that centres stay.
    """
    if method == cv2.INTER_NEAREST:
        side = -(-size // image.shape[0]) * image.shape[0]
        return reduced(cv2.resize(image, (side, side), interpolation=method), size)
    return cv2.resize(image, (size, size), interpolation=method)


def binarised(pixels: np.ndarray) -> np.ndarray:
    """Black and white only, by the threshold that parts the two best (Otsu 1979)."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    _, black_white = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return cv2.cvtColor(black_white, cv2.COLOR_GRAY2RGB)


def _expose(rng: np.random.Generator, image: np.ndarray, camera: Camera, severity: float) -> np.ndarray:
    """Lost contrast, wrong exposure, colour cast."""
    keep = np.float32(1 - camera.contrast * severity * rng.beta(1.2, 1.5))
    haze = np.float32(rng.uniform(0.0, 0.6))
    image = image * keep + haze * (1 - keep)
    mean = max(float(image[::4, ::4].mean()), 0.02)
    automatic = np.clip((0.42 / mean) ** 0.4, 0.85, 2.2)  # a camera brightens what is dark, but not wholly
    gain = np.exp(rng.normal(0, 0.06 + 0.12 * severity)) * automatic
    cast = np.exp(rng.normal(0, 0.015 + 0.03 * severity, 3))
    return cv2.transform(image, np.diag(gain * cast).astype(np.float32))


def _noise(rng: np.random.Generator, image: np.ndarray, strength: float) -> np.ndarray:
    """Sensor noise: stronger where it is bright, mostly in luminance, with a little colour."""
    shape = image.shape[0], image.shape[1]
    size = 0.0 if rng.random() < 0.6 else rng.uniform(0.4, 0.7)
    luminance = grain(rng, shape, size)
    colour = rng.random(image.shape, dtype=np.float32) - np.float32(0.5)
    brightness = np.clip(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 0.02, 1.0)
    level = np.sqrt(brightness) * np.float32(1.3 * strength)
    result: np.ndarray = rgb(level) * (rgb(luminance) + np.float32(1.2) * colour)
    return result


def _compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG leaves of the picture."""
    _, buffer = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError(f"JPEG at quality {quality} could not be decoded again")
    return cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)


def rectified_border(rng: np.random.Generator, image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Black corners of a rectified picture, outside a quadrilateral that holds all ``points`` (N, 2)."""
    size = image.shape[0]
    low, high = np.minimum(points.min(axis=0) - 4, size / 2), np.maximum(points.max(axis=0) + 4, size / 2)
    a, b = rng.uniform(-0.1, 1.0, (2, 4)) * np.concatenate([low, size - high])[[0, 1, 2, 3]]
    corners = [(a[0], a[1]), (size - a[2], b[1]), (size - b[2], size - a[3]), (b[0], size - b[3])]
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, np.rint(np.array(corners)).astype(np.int32), 1)
    result: np.ndarray = image * rgb(mask)
    return result


def padded_border(rng: np.random.Generator, image: np.ndarray, points: np.ndarray, margin: float) -> np.ndarray:
    """A picture that is not square, padded: beyond a box about all ``points`` (N, 2) there is nothing.

    Args:
        rng: source of randomness.
        image: uint8 (H, W, 3).
        points: what must stay, pixels.
        margin: least distance from a point to the box, pixels.
    """
    size = image.shape[0]
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1)
    high = np.clip(np.ceil(points.max(axis=0) + margin), 1, size - 1)
    axis = rng.integers(2)  # a picture is longer than the network's only one way
    low[axis], high[axis] = 0, size - 1
    away = rng.beta(1, 3, 4)
    x0, y0 = (int(c) for c in np.floor(low * (1 - away[:2])))
    x1, y1 = (int(c) + 1 for c in np.ceil(high + (size - 1 - high) * away[2:]))
    inner = image[y0:y1, x0:x1]
    kind = cv2.BORDER_REPLICATE if rng.random() < 0.25 else cv2.BORDER_CONSTANT
    level = (float((0, 114, 128, 255)[rng.integers(4)]),) * 3
    return cv2.copyMakeBorder(inner, y0, size - y1, x0, size - x1, kind, value=level)
