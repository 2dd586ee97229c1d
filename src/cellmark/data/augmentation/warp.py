"""Movements of picture and points by one map, in one resampling.

A destination pixel q shows the source at ``M^-1 (q + d(q))``: M is the product of the matrices of the projective
parts, d the sum of the displacements of the fields, as ``data.warps`` defines them. A point p therefore lands on the
q that solves ``q + d(q) = M p``. Picture and points read the same M and d, so they cannot part.

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
from cellmark.data.warps.displacement import draw_unfolded
from cellmark.data.warps.nodes import NodeField
from cellmark.errors import CellmarkError

Size = tuple[int, int]  # height and width, pixels

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
    """A smooth displacement of every pixel."""

    @abstractmethod
    def displacement(self, rng: np.random.Generator, size: Size) -> np.ndarray:
        """Draws d at the nodes of a ``NodeField``: float32 (h, w, 2) in pixels of the picture."""


class Warp(A.DualTransform):  # type: ignore[misc]  # albumentations has no types
    """Applies some of its parts together. Fields that fold the picture over itself are drawn again."""

    _targets = (Targets.IMAGE, Targets.KEYPOINTS)

    def __init__(
        self, parts: Sequence[Projective | Field], border: str = "replicate", fill: int = 0, p: float = 1.0
    ) -> None:
        """Takes the parts.

        Args:
            parts: applied in this order, the fields after all matrices; each draws for itself whether it takes part.
            border: what lies outside of the picture. ``replicate`` repeats its rim, as ``fit_image`` does: no new
                edges, and streaks do not look like cells. (A mirrored rim would show cells that no label knows.)
                ``constant`` is ``fill``.
            fill: grey level 0..255 of a constant border.
            p: probability.

        Raises:
            CellmarkError: an unknown border.
        """
        super().__init__(p=p)
        if border not in _BORDERS:
            raise CellmarkError(f"Warp.border={border}: there are {', '.join(_BORDERS)}")
        self.parts, self.border, self.fill = list(parts), border, int(fill)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draws ``matrix``, float64 (3, 3), and ``field``, a NodeField or None.

        Raises:
            CellmarkError: the fields always fold the picture.
        """
        size: Size = data["image"].shape[:2]
        rng, matrix, fields = self.random_generator, np.eye(3), []
        for part in self.parts:
            if rng.random() >= part.p:
                continue
            if isinstance(part, Projective):
                matrix = part.matrix(rng, size) @ matrix
            else:
                fields.append(part)
        return {"matrix": matrix, "field": _draw(fields, rng, size) if fields else None}

    def apply(self, img: np.ndarray, matrix: np.ndarray, field: NodeField | None, **_: Any) -> np.ndarray:
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
        self, keypoints: np.ndarray, matrix: np.ndarray, field: NodeField | None, **_: Any
    ) -> np.ndarray:
        """The points, (N, 2+) with x and y first; NaN for one that has come behind the camera."""
        moved = keypoints.copy()
        places = project(matrix, keypoints[:, :2])
        if field is not None:
            seen = np.isfinite(places).all(axis=1)
            places[seen] = field.move(places[seen])
        moved[:, :2] = places
        return moved


def project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a (3, 3) matrix to (N, 2) points; float64, NaN beyond the horizon."""
    homogeneous = points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    depth = np.where(homogeneous[:, 2:] > 0, homogeneous[:, 2:], np.nan)
    places: np.ndarray = homogeneous[:, :2] / depth
    return places


def _draw(parts: Sequence[Field], rng: np.random.Generator, size: Size) -> NodeField:
    """The sum of all parts, drawn together until it does not fold anywhere."""

    def draw(rng: np.random.Generator) -> NodeField:
        nodes = [part.displacement(rng, size) for part in parts]
        return NodeField((size[1], size[0]), np.add.reduce(nodes))

    name = f"Warp with {', '.join(type(part).__name__ for part in parts)}"
    return draw_unfolded(draw, rng, np.empty((0, 2)), name=name)[0]


def _seen(back: np.ndarray, field: NodeField | None, size: Size) -> np.ndarray:
    """Source place of every destination pixel, float32 (H, W, 2); far outside for what lies behind the camera."""
    pixels = _pixels(size) if field is None else _pixels(size) + field.pixels()
    seen: np.ndarray = cv2.perspectiveTransform(pixels, back)
    seen[cv2.transform(pixels, back[2:]) <= 0] = _FAR
    return seen


def _pixels(size: Size) -> np.ndarray:
    """The pixel centres x, y, float32 (H, W, 2)."""
    rows, columns = (np.arange(count, dtype=np.float32) for count in size)
    pixels: np.ndarray = np.dstack(np.meshgrid(columns, rows))
    return pixels
