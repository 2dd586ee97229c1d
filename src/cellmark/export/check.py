"""What an exported file gives, beside what PyTorch gives."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cellmark.coordinates import resize_points
from cellmark.data.fit import fit_image
from cellmark.data.generate.scenes import draw
from cellmark.export.graph import IMAGES, PEAKS, THRESHOLD
from cellmark.export.runtime import open_session
from cellmark.heatmaps.peaks import find_peaks
from cellmark.tasks.checkpoint import Model

MOST_MAPS, MOST_PIXELS = 1e-4, 0.05
SIZES = ((2, 97, 131), (3, 64, 160))  # images, height, width; besides one image of the size of training
DRAWN = 256  # pixels


@dataclass(frozen=True)
class Differences:
    """The largest differences of a file from PyTorch.

    Attributes:
        maps: of the maps; relative to the map's largest value where that is beyond 1.
        pixels: of the places of the peaks in pixels of the input, infinite where the peaks are others.
        peaks: how many there were.
    """

    maps: float
    pixels: float
    peaks: int


def compare(content: bytes, model: Model) -> Differences:
    """Runs a file and its model on drawn codes, in batches of several sizes.

    The peaks of the file are compared to those that PyTorch finds in the same heatmap: where a map is flat, the last
    bit of a number decides where its top is.

    Args:
        content: of the file.
        model: that it was made of, on the CPU.
    """
    session = open_session(content)
    maps, pixels, peaks = list[float](), list[float](), 0
    for count, height, width in ((1, *model.size), *SIZES):
        images = pictures(count, (height, width))
        with torch.inference_mode():
            expected = model.network(images)
        expected["heatmap"] = expected["heatmap"].sigmoid()
        fed = {IMAGES: images.numpy(), THRESHOLD: np.array(model.codec.threshold, np.float32)}
        found = dict(zip([*expected, *PEAKS], session.run([*expected, *PEAKS], fed), strict=True))
        maps.extend(_difference(found[name], value) for name, value in expected.items())
        pixels.append(_distance(found, model))
        peaks += len(found["peak_score"])
    return Differences(float(np.max(maps)), float(np.max(pixels)), peaks)  # NaN, if any of them is


def pictures(count: int, size: tuple[int, int]) -> Tensor:
    """Drawn codes, float32 (count, 3, height, width) in 0..1, always the same."""
    drawn = [draw("1_label_print", DRAWN, np.random.default_rng(number), 0.5).image for number in range(count)]
    batch = np.stack([fit_image(image, size)[0] for image in drawn])
    return torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().float() / 255


def _difference(found: np.ndarray, expected: Tensor) -> float:
    """The largest difference of a map, see ``Differences``; infinite where the sizes differ."""
    truth = expected.numpy()
    if found.shape != truth.shape:
        return float("inf")
    return float(np.abs(found - truth).max() / max(1.0, np.abs(truth).max()))


def _distance(found: dict[str, np.ndarray], model: Model) -> float:
    """How far the peaks of a file are from those of PyTorch in the same heatmap, along x or y in input pixels."""
    image, label, centres, scores = find_peaks(torch.from_numpy(found["heatmap"]), model.codec.threshold)
    points = resize_points(centres, (model.network.stride, model.network.stride)).numpy()
    expected = image.numpy(), label.numpy(), scores.numpy()
    given = found["peak_image"], found["peak_class"], found["peak_score"]
    if not all(map(np.array_equal, expected, given)):
        return float("inf")
    return float(np.abs(found["peak_xy"] - points).max(initial=0.0))
