"""What a folder, or a whole data set, holds: cells, their classes and their pitch, codes, sizes and contrast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Grid = tuple[int, int]


class Spread(NamedTuple):
    """Median, and the 5th and 95th percentile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Statistics:
    """What a folder, or all folders together, hold. Arrays have one value per cell or per code.

    Attributes:
        name: of the folder.
        images: number of images.
        empty: images without a code; in training all of them is background.
        cells: labelled cells by name of the class.
        not_labelled: keypoints without a class.
        background: those of them that lie in their image, where a network learns that nothing is there.
        sizes: how many images have each width and height.
        grids: how many codes have each number of rows and columns, None for those that do not tell.
        code_cells: int64 (K,) keypoints of each code, labelled or not.
        pitch: float32 (N,) in pixels of the files.
        input_pitch: float32 (N,) in pixels of the network's input.
        contrast: float64 (M,) of the codes with cells of both classes, see ``Contrast``; empty without the two
            classes black and white.
        separability: float64 (M,) likewise.
    """

    name: str
    images: int
    empty: int
    cells: Mapping[str, int]
    not_labelled: int
    background: int
    sizes: Mapping[tuple[int, int], int]
    grids: Mapping[Grid | None, int]
    code_cells: np.ndarray
    pitch: np.ndarray
    input_pitch: np.ndarray
    contrast: np.ndarray
    separability: np.ndarray

    @property
    def codes(self) -> int:
        """Number of codes."""
        return len(self.code_cells)

    @property
    def shares(self) -> dict[str, float | None]:
        """Share of each class in the labelled cells; None where there are none."""
        total = sum(self.cells.values())
        return {name: count / total if total else None for name, count in self.cells.items()}

    @property
    def light_on_dark(self) -> float | None:
        """Share of the codes with a negative contrast; None where none was measured."""
        return float((self.contrast < 0).mean()) if len(self.contrast) else None

    @property
    def code_size(self) -> dict[str, float] | None:
        """Median, least and greatest number of cells of a code; None where there is no code."""
        counts = self.code_cells
        if not len(counts):
            return None
        return {"median": float(np.median(counts)), "min": int(counts.min()), "max": int(counts.max())}

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every number, null where one is not defined."""
        return {
            "images": self.images,
            "images_without_code": self.empty,
            "image_sizes": {f"{width}x{height}": count for (width, height), count in self.sizes.items()},
            "codes": self.codes,
            "grids": {"unknown" if grid is None else f"{grid[0]}x{grid[1]}": n for grid, n in self.grids.items()},
            "cells_per_code": self.code_size,
            "cells": dict(self.cells),
            "shares": self.shares,
            "not_labelled": self.not_labelled,
            "not_labelled_in_the_image": self.background,
            **{
                key: None if (spread := spread_of(values)) is None else dict(zip(_SPREAD, spread, strict=True))
                for key, values in self.measures().items()
            },
            "light_on_dark": self.light_on_dark,
        }

    def measures(self) -> dict[str, np.ndarray]:
        """The measured values by name."""
        return {
            "pitch": self.pitch,
            "input_pitch": self.input_pitch,
            "contrast": self.contrast,
            "separability": self.separability,
        }


_SPREAD = ("median", "p5", "p95")


def spread_of(values: np.ndarray) -> Spread | None:
    """Median and 5th and 95th percentile, None of nothing."""
    return Spread(*np.percentile(values, (50, 5, 95)).tolist()) if len(values) else None
