"""The steps that change a picture together with its keypoints."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

import cv2
import numpy as np

from cellmark.data.records import NOT_LABELLED, Code
from cellmark.data.warps.displacement import Border, Warp, draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, SmoothField
from cellmark.errors import CellmarkError


@dataclass(frozen=True)
class Settings:
    """How strong the steps are; a pair is the range that a value is drawn from, uniformly.

    Attributes:
        curvature: largest slide of the curved picture as a share of its width; the report's.
        wrinkles: wrinkles of the crumpled picture; the report's.
        wrinkle_intensity: factor of the displacement that they make; the report's.
        smooth_strength: root mean square displacement of the smooth field, pixels for a picture of 512 px.
        degrees: angle of the rotations; the report's.
        noise: standard deviation of the Gaussian noise, grey levels; the report states none.
        contrast: factor of the distance from the mean grey level; the report states none.
        border: what a warp shows from outside the picture, see `Warp.warp`; the report's.
    """

    curvature: float = 0.2
    wrinkles: int = 3
    wrinkle_intensity: float = 0.3
    smooth_strength: float = 8.0
    degrees: tuple[float, float] = (0.0, 90.0)
    noise: tuple[float, float] = (5.0, 20.0)
    contrast: tuple[float, float] = (0.5, 1.5)
    border: Border = "white"

    def __post_init__(self) -> None:
        """Refuses what has no meaning."""
        for name in ("curvature", "wrinkles", "wrinkle_intensity", "smooth_strength"):
            wanted, kinds = ("a whole number", (int,)) if name == "wrinkles" else ("a number", (int, float))
            if type(getattr(self, name)) not in kinds:
                raise CellmarkError(f"{name}={getattr(self, name)}: {wanted} is needed")
        for name in ("degrees", "noise", "contrast"):
            pair = getattr(self, name)
            if len(pair) != 2 or not -math.inf < pair[0] <= pair[1] < math.inf:
                raise CellmarkError(f"{name}={list(pair)}: two numbers are needed, first <= second")
        for name in ("wrinkles", "wrinkle_intensity", "smooth_strength"):
            if not 0 <= getattr(self, name) < math.inf:
                raise CellmarkError(f"{name}={getattr(self, name)}: must not be negative")
        if not math.isfinite(self.curvature):
            raise CellmarkError(f"curvature={self.curvature}: must be finite")
        if min(*self.noise, *self.contrast) < 0:
            raise CellmarkError(f"noise={list(self.noise)}, contrast={list(self.contrast)}: must not be negative")
        if self.border not in get_args(Border):
            raise CellmarkError(f"border={self.border!r}: not one of {', '.join(get_args(Border))}")


@dataclass(frozen=True)
class Picture:
    """A picture with its codes.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        codes: the codes on it.
        unlabelled: the v of keypoints that have no class; they stay as they are.
        redraws: random fields that folded over the code and were drawn again in the last step.
    """

    image: np.ndarray
    codes: tuple[Code, ...]
    unlabelled: frozenset[int] = frozenset({NOT_LABELLED})
    redraws: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.image.shape[:2]
        return width, height

    @property
    def points(self) -> np.ndarray:
        """The labelled keypoints of all codes, float64 (N, 2)."""
        points = [code.keypoints[self.labelled(code), :2] for code in self.codes]
        return np.concatenate([np.empty((0, 2)), *points])

    def labelled(self, code: Code) -> np.ndarray:
        """The indices of the keypoints of a code that have a class."""
        return np.flatnonzero(~np.isin(code.keypoints[:, 2], list(self.unlabelled)))


def curved(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """The report's curvature; nothing in it is random."""
    return warped(picture, Curvature(picture.size, settings.curvature), settings.border)


def crumpled(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """The report's crumpling."""
    field, redraws = draw_unfolded(
        lambda rng: Crumpling.draw(rng, picture.size, settings.wrinkle_intensity, settings.wrinkles),
        rng,
        picture.points,
        name=f"crumpling with wrinkle_intensity={settings.wrinkle_intensity:g}",
    )
    return warped(picture, field, settings.border, redraws)


def smooth(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """A smooth random field."""
    field, redraws = draw_unfolded(
        lambda rng: SmoothField.draw(rng, picture.size, settings.smooth_strength),
        rng,
        picture.points,
        name=f"the smooth field with smooth_strength={settings.smooth_strength:g}",
    )
    return warped(picture, field, settings.border, redraws)


def rotated(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """A turn about the centre by a random angle."""
    return warped(picture, Rotation(picture.size, float(rng.uniform(*settings.degrees))), settings.border)


def noise(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """Gaussian noise, independent in every pixel and channel."""
    grains = rng.standard_normal(picture.image.shape, np.float32) * np.float32(rng.uniform(*settings.noise))
    return replace(picture, image=np.rint(picture.image + grains).clip(0, 255).astype(np.uint8), redraws=0)


def contrast(picture: Picture, rng: np.random.Generator, settings: Settings) -> Picture:
    """The grey levels nearer to their mean, or further from it."""
    mean, factor = float(picture.image.mean()), float(rng.uniform(*settings.contrast))
    levels = np.rint(mean + factor * (np.arange(256) - mean)).clip(0, 255).astype(np.uint8)
    return replace(picture, image=cv2.LUT(picture.image, levels), redraws=0)


def warped(picture: Picture, warp: Warp, border: Border, redraws: int = 0) -> Picture:
    """The picture and its keypoints, bent; a keypoint that leaves the picture becomes v = 0, where it went.

    Keypoints without a class stay as they are: their place means nothing, and may have no inverse.
    """
    codes = []
    for code in picture.codes:
        keypoints, labelled = code.keypoints.copy(), picture.labelled(code)
        moved = warp.move(keypoints[labelled, :2])
        keypoints[labelled, :2] = moved
        keypoints[labelled[~warp.inside(moved)], 2] = NOT_LABELLED
        codes.append(replace(code, keypoints=keypoints))
    return replace(picture, image=warp.warp(picture.image, border), codes=tuple(codes), redraws=redraws)


@dataclass(frozen=True)
class Step:
    """A change of a picture, by name in `STEPS`.

    Attributes:
        apply: makes the changed picture.
        reads: the names of the settings that it depends on; "seed" where it is random.
        moves: whether keypoints go to other places.
    """

    apply: Callable[[Picture, np.random.Generator, Settings], Picture]
    reads: tuple[str, ...]
    moves: bool = True


STEPS: Mapping[str, Step] = {
    "curved": Step(curved, ("curvature", "border")),
    "crumpled": Step(crumpled, ("seed", "wrinkles", "wrinkle_intensity", "border")),
    "smooth": Step(smooth, ("seed", "smooth_strength", "border")),
    "rotated1": Step(rotated, ("seed", "degrees", "border")),
    "rotated2": Step(rotated, ("seed", "degrees", "border")),
    "noise": Step(noise, ("seed", "noise"), moves=False),
    "contrast": Step(contrast, ("seed", "contrast"), moves=False),
}
