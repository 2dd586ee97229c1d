"""How the reader looks at a picture: small and whole first, then parts of it as large as their cells need."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch

from cellmark.coordinates import resize_points
from cellmark.errors import CellmarkError
from cellmark.heatmaps.scale import BIN, read_scale, speaker
from cellmark.tasks.checkpoint import Model

PEAK = 0.12  # least height of a peak: the lattice sorts out false cells
PRESENT = 0.4  # least probability of a code
EMPTY = 0.1  # where its probability stays below that, also in the squares around, cells are none
FLOOR = 0.05  # of both classes' maps: where neither rises, black is as likely as white
ENLARGED = 10.0  # largest enlargement of a picture


@dataclass(frozen=True)
class Region:
    """A part of the picture that may hold codes.

    Attributes:
        box: float left, top, right, bottom in pixels of the picture.
        pitch: of its cells, in pixels of the picture.
        score: sum of the probabilities, over the pixels of the picture: the larger, the likelier and larger.
        zoom: input pixels per pixel of the picture, where it was seen.
    """

    box: tuple[float, float, float, float]
    pitch: float
    score: float
    zoom: float

    def holds(self, point: np.ndarray) -> bool:
        """Whether x, y lies within."""
        return bool(self.box[0] <= point[0] <= self.box[2] and self.box[1] <= point[1] <= self.box[3])


@dataclass(frozen=True)
class Sight:
    """What was seen in a part of the picture.

    Attributes:
        points: float (N, 2) centres of cells, in pixels of the picture.
        black: float (N,) probability 0..1 that the cell is black.
        heatmap: float32 (2, h, w) in 0..1, black and white.
        presence: float32 (rows, cols) probability of a code, for squares of ``BIN`` pixels of the input.
        pitch: float32 (rows, cols) cell pitch there, in pixels of the picture.
        scale: input pixels per pixel of the picture, along x and y.
        origin: x, y in the picture of the part's upper left corner.
        stride: input pixels per pixel of the heatmap.
    """

    points: np.ndarray
    black: np.ndarray
    heatmap: np.ndarray
    presence: np.ndarray
    pitch: np.ndarray
    scale: tuple[float, float]
    origin: tuple[float, float]
    stride: int

    def sample(self, points: np.ndarray) -> np.ndarray:
        """Probability that there is black, at points (..., 2) of the picture: the highest value near each decides."""
        x, y = np.moveaxis(self._to_map(points).round().astype(int), -1, 0)
        height, width = self.heatmap.shape[1:]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        values = self._near[:, y.clip(0, height - 1), x.clip(0, width - 1)]
        return np.where(inside, blackness(values), 0.5)

    def regions(self) -> list[Region]:
        """The parts where codes seem to be, the best first."""
        mask = (self.presence > PRESENT).astype(np.uint8)
        if not mask.size:  # a part too narrow for a square; OpenCV would crash
            return []
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        found = []
        for number in range(1, count):
            inside = labels == number
            pitch = float(np.median(self.pitch[inside]))
            left, top, wide, high = (int(v) for v in stats[number][:4])
            corners = np.array([[left - 0.5, top - 0.5], [left + wide - 0.5, top + high - 0.5]])
            area = BIN * BIN / (self.scale[0] * self.scale[1])
            # A square counts by its middle: the tip of a turned code may lie a whole one further out
            rim = max(2 * pitch, area**0.5)
            box = self._from_bins(corners) + np.array([[-rim], [rim]])
            score = float(self.presence[inside].sum()) * area
            found.append(Region((*box[0], *box[1]), pitch, score, (self.scale[0] * self.scale[1]) ** 0.5))
        return sorted(found, key=lambda region: -region.score)

    @cached_property
    def _near(self) -> np.ndarray:
        """The highest value of each map in the 3x3 pixels around every pixel."""
        return np.stack([cv2.dilate(plane, np.ones((3, 3))) for plane in self.heatmap])

    def _to_map(self, points: np.ndarray) -> np.ndarray:
        inner = np.asarray(points, float) - self.origin
        return resize_points(inner, (self.scale[0] / self.stride, self.scale[1] / self.stride))

    def _from_bins(self, bins: np.ndarray) -> np.ndarray:
        inner = resize_points(bins * BIN + speaker(self.stride), (1 / self.scale[0], 1 / self.scale[1]))
        result: np.ndarray = inner + np.asarray(self.origin)
        return result


def blackness(values: np.ndarray) -> np.ndarray:
    """Probability of black (...,) from the heights (2, ...) of both classes' maps."""
    result: np.ndarray = (values[0] + FLOOR) / (values[0] + values[1] + 2 * FLOOR)
    return result


def _around(presence: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The highest probability (N,) of a code in the squares around points (N, 2) of the input."""
    if not presence.size:  # an input too narrow for a square
        return np.zeros(len(points))
    highest = cv2.dilate(presence, np.ones((3, 3)))
    x, y = (points / BIN).astype(int).clip(0, np.array(presence.shape[::-1]) - 1).T
    result: np.ndarray = highest[y, x]
    return result


class Eye:
    """A network that is shown parts of pictures."""

    def __init__(self, model: Model, device: torch.device) -> None:
        """Takes a model.

        Args:
            model: with the classes black and white and the head ``scale``.
            device: where the network runs.

        Raises:
            CellmarkError: the model has other classes, or no such head.
        """
        if sorted(model.classes) != ["black", "white"]:
            raise CellmarkError(f"reading needs the classes black and white, the model has {list(model.classes)}")
        if "scale" not in model.network.channels:
            heads = list(model.network.channels)
            raise CellmarkError(f"reading needs the head scale (experiment=reader), the model has {heads}")
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.network = model.network.to(device, memory_format=layout).eval()  # type: ignore[call-overload]
        self.codec, self.device = model.codec, device
        self.order = [model.classes.index(name) for name in ("black", "white")]

    def look(self, image: np.ndarray, zoom: float, region: Region | None = None) -> Sight:
        """Looks at a picture, or a part of it.

        Args:
            image: uint8 (H, W, 3) RGB.
            zoom: input pixels per pixel of the picture.
            region: the part; the whole picture by default.
        """
        height, width = image.shape[:2]
        left, top, right, bottom = (0.0, 0.0, width, height) if region is None else region.box
        x0, y0 = max(0, int(left)), max(0, int(top))
        x1, y1 = min(width, int(np.ceil(right))), min(height, int(np.ceil(bottom)))
        part = image[y0:y1, x0:x1]
        size = max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom))
        scale = size[0] / part.shape[1], size[1] / part.shape[0]
        if size != (part.shape[1], part.shape[0]):
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
        return self._see(part, scale, (x0, y0))

    def _see(self, part: np.ndarray, scale: tuple[float, float], origin: tuple[int, int]) -> Sight:
        batch = torch.from_numpy(np.array(part)).to(self.device)[None].permute(0, 3, 1, 2)
        with torch.inference_mode():
            maps = self.network(batch.float() / 255)
            heatmap = maps["heatmap"].float().sigmoid()[:, self.order]
            (peaks,) = self.codec.decode(heatmap, self.network.stride)
            presence, pitch = (each[0].cpu().numpy() for each in read_scale(maps["scale"], self.network.stride))
        planes = heatmap[0].cpu().numpy()
        points = peaks.points.cpu().numpy().astype(float)
        points = points[_around(presence, points) > EMPTY]
        x, y = resize_points(points, (1 / self.network.stride,) * 2).round().astype(int).T
        values = planes[:, y.clip(0, planes.shape[1] - 1), x.clip(0, planes.shape[2] - 1)]
        return Sight(
            points=resize_points(points, (1 / scale[0], 1 / scale[1])) + np.asarray(origin),
            black=blackness(values),
            heatmap=planes,
            presence=presence,
            pitch=pitch / float(np.sqrt(scale[0] * scale[1])),
            scale=scale,
            origin=origin,
            stride=self.network.stride,
        )
