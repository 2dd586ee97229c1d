"""A network that knows all cells, however its pictures are enlarged and cut: what is tested is how it is asked.

The pictures show no codes, but where each pixel lies: red rises from left to right, green from top to bottom, and blue
falls with both. Noise makes the values right in the mean, though each is rounded to 8 bits; what resizing adds by its
rounding, blue tells. The network fits a line to red and green, and renders the cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.network import MapNetwork
from cellmark.symbology import Symbol, by_shape
from cellmark.tasks.checkpoint import Model
from tests.reading.payloads import written

LOW, HIGH = 20.0, 235.0  # grey values at the first and the last pixel
STRIDE = 2
FINEST, COARSEST = 4.0, 40.0  # pitches that a network can tell apart, in pixels of its input
CODEC = GaussianCodec(sigma=0.2, unit="pitch", min_sigma=0.8, min_pitch=FINEST)


@dataclass
class Drawn:
    """A code in a picture.

    Attributes:
        text: its payload.
        black: bool (rows, cols) as a network sees it.
        corner: x, y of the symbol's upper left corner.
        right: step from a cell to the next in its row.
        down: step from a cell to the next in its column.
        shown: bool (rows, cols): cells that a network sees at all.
    """

    text: str
    black: np.ndarray
    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    shown: np.ndarray

    @property
    def symbol(self) -> Symbol:
        return by_shape[self.black.shape]

    @property
    def pitch(self) -> float:
        return float(min(np.linalg.norm(self.right), np.linalg.norm(self.down)))

    def at(self, col: np.ndarray | float, row: np.ndarray | float) -> np.ndarray:
        """Points of the picture for places in cells from the upper left corner."""
        return self.corner + np.multiply.outer(col, self.right) + np.multiply.outer(row, self.down)

    @property
    def cells(self) -> np.ndarray:
        """Centres (rows, cols, 2)."""
        row, col = np.indices(self.black.shape) + 0.5
        return self.at(col, row)

    @property
    def corners(self) -> np.ndarray:
        """Outer corners (4, 2)."""
        rows, cols = self.black.shape
        return np.array([self.at(0, 0), self.at(cols, 0), self.at(cols, rows), self.at(0, rows)])


def drawn(
    text: str,
    middle: tuple[float, float],
    pitch: float,
    angle: float = 0.0,
    mirrored: bool = False,
    inverted: bool = False,
    shape: tuple[int, int] = (12, 12),
) -> Drawn:
    """A code around a point; ``angle`` in degrees."""
    black = written(by_shape[shape], text)
    turn = np.radians(angle)
    right = pitch * np.array([np.cos(turn), np.sin(turn)])
    down = pitch * np.array([-np.sin(turn), np.cos(turn)])
    if mirrored:
        right = -right
    corner = np.array(middle) - (right * shape[1] + down * shape[0]) / 2
    return Drawn(text, black ^ inverted, corner, right, down, np.ones(shape, bool))


def canvas(width: int, height: int) -> np.ndarray:
    """A picture that shows where its pixels lie: uint8 (height, width, 3)."""
    rng = np.random.default_rng(0)
    image = np.zeros((height, width, 3), np.uint8)
    red, green = np.linspace(LOW, HIGH, width), np.linspace(LOW, HIGH, height)
    noise = rng.random((3, height, width), np.float32)
    image[..., 0] = red + noise[0]  # rounded down: right in the mean
    image[..., 1] = green[:, None] + noise[1]
    image[..., 2] = LOW + HIGH - (red + green[:, None]) / 2 + noise[2]
    return image


class Perfect(MapNetwork):
    """Stands in for a ``Network`` with the heads ``heatmap`` and ``scale``.

    Attributes:
        looks: (height, width) of every input so far.
    """

    def __init__(self, codes: Sequence[Drawn], size: tuple[int, int], classes: Sequence[str]) -> None:
        super().__init__()
        self.channels = {"heatmap": 2, "scale": 2}
        self.stride = STRIDE
        self.size, self.classes = size, list(classes)
        self.looks: list[tuple[int, int]] = []
        empty = np.zeros((0, 2))
        self.points = np.concatenate([empty, *(code.cells[code.shown] for code in codes)])
        black = np.concatenate([np.zeros(0, bool), *(code.black[code.shown] for code in codes)])
        self.labels = np.where(black, self.classes.index("black"), self.classes.index("white"))
        self.pitch = np.concatenate([np.zeros(0), *(np.full(code.shown.sum(), code.pitch) for code in codes)])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        part = images[0].double().numpy() * 255
        self.looks.append(part.shape[1:])
        size = part.shape[1], part.shape[2]
        if not len(self.points):
            return {"heatmap": self._heatmap(self.points, self.pitch, size), "scale": _scale(self.points, [], size)}
        added = (part[2].mean() - HIGH - LOW + (part[0].mean() + part[1].mean()) / 2) / 2
        x = _line(part[0].mean(axis=0) - added, self.size[0])
        y = _line(part[1].mean(axis=1) - added, self.size[1])
        points = np.stack([(self.points[:, 0] - x[1]) / x[0], (self.points[:, 1] - y[1]) / y[0]], axis=1)
        pitch = self.pitch / np.sqrt(x[0] * y[0])
        return {"heatmap": self._heatmap(points, pitch, size), "scale": _scale(points, pitch, size)}

    def _heatmap(self, points: np.ndarray, pitch: np.ndarray, size: tuple[int, int]) -> Tensor:
        inside = (points > -0.5).all(axis=1) & (points < (size[1] - 0.5, size[0] - 0.5)).all(axis=1)
        inside &= pitch < COARSEST
        heatmap = CODEC.encode(
            torch.from_numpy(points[inside])[None].float(),
            torch.from_numpy(self.labels[inside])[None],
            torch.from_numpy(pitch[inside])[None].float(),
            (-(-size[0] // STRIDE), -(-size[1] // STRIDE)),
            STRIDE,
            2,
        )
        return torch.logit(heatmap.clamp(1e-6, 1 - 1e-6))


def _line(grey: np.ndarray, length: int) -> tuple[float, float]:
    """Pixels of the picture per pixel of the input, and where the first one lies."""
    rim = len(grey) // 8  # enlarging repeats the outermost pixels
    place = np.arange(len(grey))[rim : len(grey) - rim]
    slope, first = np.polyfit(place, (grey[rim : len(grey) - rim] - LOW) / (HIGH - LOW) * (length - 1), 1)
    return float(slope), float(first)


def _scale(points: np.ndarray, pitch: np.ndarray | list[float], size: tuple[int, int]) -> Tensor:
    """Told for squares of 8 pixels: is the nearest cell nearer than 0.8 pitches."""
    rows, cols = -(-size[0] // 8), -(-size[1] // 8)
    maps = np.zeros((1, 2, rows, cols), np.float32)
    maps[:, 0] = -6
    if len(points):
        y, x = np.indices((rows, cols)) * 8 + 4.5
        distance, nearest = cKDTree(points).query(np.stack([x, y], axis=-1))
        own = np.asarray(pitch)[nearest]
        maps[0, 0], maps[0, 1] = np.where(distance <= 0.8 * own, 6, -6), np.log2(own / 8)
    spread = maps.repeat(8 // STRIDE, axis=2).repeat(8 // STRIDE, axis=3)
    return torch.from_numpy(spread[:, :, : -(-size[0] // STRIDE), : -(-size[1] // STRIDE)])


def model_of(codes: Sequence[Drawn], size: tuple[int, int], classes: tuple[str, ...] = ("black", "white")) -> Model:
    """A model that knows these codes; ``size``: width and height of the picture."""
    return Model(Perfect(codes, size, classes), CODEC, classes, {1: "white", 2: "black"}, (256, 256))
