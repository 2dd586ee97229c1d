"""Movements of picture and points by one map, in one resampling.

A destination pixel q shows the source at ``M^-1 (q + d(q))``: M is the product of the matrices of the projective
parts, d the sum of the displacements of the fields. A point p therefore lands on the q that solves
``q + d(q) = M p``. Picture and points read the same M and d, so they cannot part.

albumentations keeps two maps instead, one for each, and where they differ the points are wrong: at 97x141 px by up
to 0.2 px for Perspective (as its issue 856), 1.2 px for RandomScale and 0.2 px for Resize (1209, AlbumentationsX
529), 2.1 px for ElasticTransform and OpticalDistortion (2285), 2.6 px for GridDistortion, which also loses points
(2285). Its elastic points also take 300 ms for 600 of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import albumentations as A
import cv2
import numpy as np
from albumentations.core.type_definitions import Targets

from cellmark.data.augmentation.ranges import checked_share
from cellmark.errors import CellmarkError

Size = tuple[int, int]  # height and width, pixels

COARSE = 4  # pixels between the nodes of a field: it is smooth, so bilinear between them is enough
STEEPEST = 0.8  # most that the slopes of all fields together may reach; from 1 on the picture folds
TOLERANCE = 1e-3  # pixels, of the places of points in a field
_FAR = -1e4  # pixels
_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "constant": cv2.BORDER_CONSTANT}


class Part:
    """One movement, drawn at random with probability ``p``."""

    def __init__(self, p: float) -> None:
        """Takes the probability."""
        self.p = checked_share(f"{type(self).__name__}.p", p)


class Projective(Part, ABC):
    """A movement that keeps straight lines straight."""

    @abstractmethod
    def matrix(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """Draws the forward map: float64 (3, 3) from source to destination pixels."""


class Field(Part, ABC):
    """A smooth displacement of every pixel.

    Attributes:
        steepest: most that the displacement changes from pixel to pixel.
    """

    steepest: float

    @abstractmethod
    def displacement(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """Draws d at the nodes of ``coarse_size(size)``: float32 (h, w, 2) in pixels of the picture."""


class Warp(A.DualTransform):  # type: ignore[misc]  # albumentations has no types
    """Applies some of its parts together."""

    _targets = (Targets.IMAGE, Targets.KEYPOINTS)

    def __init__(
        self, parts: Sequence[Projective | Field], border: str = "replicate", fill: int = 0, p: float = 1.0
    ) -> None:
        """Checks that the parts can be undone.

        Args:
            parts: applied in this order, the fields after all matrices; each draws for itself whether it takes part.
            border: what lies outside of the picture. ``replicate`` repeats its rim, as ``fit_image`` does: no new
                edges, and streaks do not look like cells. (A mirrored rim would show cells that no label knows.)
                ``constant`` is ``fill``.
            fill: grey level 0..255 of a constant border.
            p: probability.

        Raises:
            CellmarkError: an unknown border, or fields so steep together that the picture folds over itself.
        """
        super().__init__(p=p)
        if border not in _BORDERS:
            raise CellmarkError(f"Warp.border={border}: there are {', '.join(_BORDERS)}")
        steepest = sum(part.steepest for part in parts if isinstance(part, Field))
        if steepest > STEEPEST:
            raise CellmarkError(f"Warp: the slopes of its fields add up to {steepest:g}, more than {STEEPEST:g}")
        self.parts, self.border, self.fill = list(parts), border, int(fill)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draws ``matrix``, float64 (3, 3), and ``field``, float32 (H, W, 2) or None."""
        size: Size = data["image"].shape[:2]
        rng, matrix, coarse = self.random_generator, np.eye(3), None
        for part in self.parts:
            if rng.random() >= part.p:
                continue
            if isinstance(part, Projective):
                matrix = part.matrix(rng, size) @ matrix
            else:
                drawn = part.displacement(rng, size)
                coarse = drawn if coarse is None else coarse + drawn
        field = None if coarse is None else cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
        return {"matrix": matrix, "field": field}

    def apply(self, img: np.ndarray, matrix: np.ndarray, field: np.ndarray | None, **_: Any) -> np.ndarray:
        """The picture, uint8 (H, W, 3), in the same size."""
        size = img.shape[1::-1]
        border: dict[str, Any] = {"borderMode": _BORDERS[self.border], "borderValue": (self.fill,) * img.shape[2]}
        back = np.linalg.inv(matrix)
        straight = field is None and (matrix[2] == [0, 0, 1]).all()
        if straight and (matrix == np.eye(3)).all():
            return img
        if straight:
            return cv2.warpAffine(img, back[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, **border)
        x, y = cv2.split(_seen(back, field, img.shape[:2]))
        return np.asarray(cv2.remap(img, x, y, cv2.INTER_LINEAR, **border))

    def apply_to_keypoints(
        self, keypoints: np.ndarray, matrix: np.ndarray, field: np.ndarray | None, **_: Any
    ) -> np.ndarray:
        """The points, (N, 2+) with x and y first; NaN for one that has come behind the camera."""
        moved = keypoints.copy()
        places = project(matrix, keypoints[:, :2])
        moved[:, :2] = places if field is None else undo(field, places)
        return moved


def about_centre(linear: np.ndarray, size: Size) -> np.ndarray:
    """The (3, 3) matrix that applies a (2, 2) one about the centre of the picture."""
    centre = (np.array(size[::-1]) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ centre
    return matrix


def coarse_size(size: Size) -> Size:
    """Rows and columns of the nodes of a field."""
    return -(-size[0] // COARSE), -(-size[1] // COARSE)


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a (3, 3) matrix to (N, 2) points; float64, NaN beyond the horizon."""
    homogeneous = points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    depth = np.where(homogeneous[:, 2:] > 0, homogeneous[:, 2:], np.nan)
    places: np.ndarray = homogeneous[:, :2] / depth
    return places


def undo(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Solves ``q + field(q) = places`` for q, by fixed-point iteration.

    The field's slope is below 1, so ``q -> places - field(q)`` is a contraction: it has one solution, and the
    distance to it is at most ``slope / (1 - slope)`` of the last step.

    Args:
        field: float32 (H, W, 2), bilinear between pixels and constant beyond them.
        places: float64 (N, 2), NaN for points that stay lost.

    Raises:
        RuntimeError: the iteration does not converge, so the field is steeper than it must be.
    """
    found: np.ndarray = places
    for _ in range(200):
        last, found = found, places - _sample(field, found)
        if not np.nanmax(np.abs(found - last), initial=0) > TOLERANCE * (1 - STEEPEST):
            return found
    raise RuntimeError("a warp has no inverse: its field is too steep")


def _seen(back: np.ndarray, field: np.ndarray | None, size: Size) -> np.ndarray:
    """Source place of every destination pixel, float32 (H, W, 2); far outside for what lies behind the camera."""
    pixels = _pixels(size) if field is None else _pixels(size) + field
    seen: np.ndarray = cv2.perspectiveTransform(pixels, back)
    seen[cv2.transform(pixels, back[2:]) <= 0] = _FAR
    return seen


def _sample(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear values (N, 2) of a (H, W, 2) field at (N, 2) places; at NaN that of a corner."""
    last = np.array(field.shape[1::-1]) - 1
    inside = np.clip(np.nan_to_num(places), 0, last)
    low = np.minimum(inside.astype(np.int64), np.maximum(last - 1, 0))
    (column, row), (right, below) = low.T, np.minimum(low + 1, last).T
    x, y = (inside - low).T[..., None]
    above = (1 - x) * field[row, column] + x * field[row, right]
    under = (1 - x) * field[below, column] + x * field[below, right]
    sampled: np.ndarray = (1 - y) * above + y * under
    return sampled


def _pixels(size: Size) -> np.ndarray:
    """The pixel centres x, y, float32 (H, W, 2)."""
    rows, columns = (np.arange(count, dtype=np.float32) for count in size)
    pixels: np.ndarray = np.dstack(np.meshgrid(columns, rows))
    return pixels
