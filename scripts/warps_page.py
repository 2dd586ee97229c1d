"""The page that ``scripts/warps.py`` writes: a table, and pictures of one code."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from cellmark.coordinates import resize_points
from cellmark.data.generate.scenes import Drawing, draw
from cellmark.data.warps.displacement import Warp, draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, SmoothField
from cellmark.files import write_bytes
from cellmark.viz.sheet import contact_sheet

RED, GREEN = (230, 40, 40), (30, 190, 70)
SIDE, SIZE = 512, (512, 512)
SCENE, FIELD = 20, 2  # seeds of the code and of its wrinkles, with which they are easy to see
CROP, ENLARGED = 150, 3  # pixels of the part that is shown, and how many times it is enlarged
RADIUS = 6  # of a dot, pixels
NEAR = 8  # pixels from a wrinkle point, where the centroid of a blob says least
TEXT = """# Where keypoints go when a picture is bent

This page is written by `{command}`.

A warp tells for each pixel of the new picture which place of the old one it shows: `p = q + D(q)`. So a keypoint at p
moves to the q that solves `q + D(q) = p`. The report adds the displacement instead, read off at the old place:
`q = p + D(p)`. That is the wrong direction, so its annotations drift away from the image as the crumpling grows; it
blames the interpolation and keeps the effect subtle. `cellmark` solves the equation by Newton's method, to 1e-6 px, for
pictures on disk (`cellmark dataset_warp`) and in training (`augment=warped`, `augment=strong`).

## Measured

White blobs are drawn at 100 keypoints in the middle of a picture of 512 px, where a code is. The picture is crumpled by
the report's formula with {fields} random fields for each intensity. Then the centroids of the blobs are measured in the
crumpled picture, and how far from them the keypoints are. All figures are pixels, mean / worst.

{table}

The report's error is twice the motion: its keypoints go as far as the blobs, but the other way. What is left of ours is
mostly the measurement: in a bent picture the centroid of a blob is not quite where its centre went, least of all on a
wrinkle point, where the formula has the tip of a cone. So the last column but one leaves out blobs within {near} px of
one. (`tests/data/warps` measures on larger pictures, and compares with an inverse that shares nothing with ours.)

"Folded" counts fields in which the picture folds over itself somewhere on the code, so that a keypoint would have two
places or none; they are thrown away and drawn again.

![A code at the three intensities, with the keypoints of both](warps/keypoints.jpg)

A part of a generated code, crumpled: red dots are the report's keypoints, green ones ours; a line joins the two of one
cell. From intensity 1 on many red dots lie on another cell, with the class of the one they belong to.

## All warps

![One code through all warps](warps/kinds.jpg)

Curvature and rotation have a formula for the inverse. Crumpling and the smooth field can be much stronger than the
report's 0.3, as long as they do not fold.

## Again

    {command}

takes less than a minute and gives the same page for the same `--seed`; `--fields` says how many fields are measured.
"""


@dataclass(frozen=True)
class Errors:
    """What was measured at one intensity.

    Attributes:
        intensity: of the crumpling.
        fields: how many were measured.
        redraws: how many were thrown away before, because they fold.
        motion: (N,) how far each blob moved, pixels.
        report: (N,) how far from it the report's keypoint is, pixels.
        ours: (N,) how far from it ours is, pixels.
        wrinkle: (N,) how far the nearest wrinkle point is, pixels.
    """

    intensity: float
    fields: int
    redraws: int
    motion: np.ndarray
    report: np.ndarray
    ours: np.ndarray
    wrinkle: np.ndarray


def write_page(docs: Path, found: Sequence[Errors], command: str) -> None:
    """Writes ``warps.md`` and, in the folder ``warps`` beside it, its pictures."""
    write_bytes(docs / "warps/keypoints.jpg", jpeg(keypoints_picture([errors.intensity for errors in found])))
    write_bytes(docs / "warps/kinds.jpg", jpeg(kinds_picture()))
    page = TEXT.format(command=command, fields=found[0].fields, table=table(found), near=NEAR)
    write_bytes(docs / "warps.md", page.encode())


def table(found: Sequence[Errors]) -> str:
    """Markdown: a row for each intensity."""
    rows = [
        [
            "intensity",
            "blobs move by",
            "report's keypoints are off by",
            "ours are off by",
            "not on a wrinkle point",
            "folded",
        ]
    ]
    rows.append(["---:"] * len(rows[0]))
    for errors in found:
        figures = [f"{v.mean():.2f} / {v.max():.2f}" for v in (errors.motion, errors.report)]
        figures += [f"{v.mean():.3f} / {v.max():.3f}" for v in (errors.ours, errors.ours[errors.wrinkle > NEAR])]
        rows.append([f"{errors.intensity:g}", *figures, f"{errors.redraws} of {errors.redraws + errors.fields}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


@cache
def scene() -> Drawing:
    """A generated picture with one code."""
    return draw("1_label_print", SIDE, np.random.default_rng(SCENE), 0.15, 12.0)


def crumpling(intensity: float) -> Crumpling:
    """The same wrinkles at every intensity."""
    points = scene().codes[0].keypoints[:, :2]
    return draw_unfolded(lambda rng: Crumpling.draw(rng, SIZE, intensity), np.random.default_rng(FIELD), points)[0]


def keypoints_picture(intensities: Sequence[float]) -> np.ndarray:
    """The part of the code that moves most, crumpled, with the report's keypoints and ours."""
    points = scene().codes[0].keypoints[:, :2]
    strongest = crumpling(max(intensities)).move(points)
    at = strongest[np.hypot(*(strongest - points).T).argmax()]
    left, top = np.clip(np.rint(at - CROP / 2), 0, SIDE - CROP).astype(int).tolist()
    tiles = []
    for intensity in intensities:
        warp = crumpling(intensity)
        tile = warp.warp(scene().image, "replicate")[top : top + CROP, left : left + CROP]
        tile = cv2.resize(tile, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
        both = [resize_points(to - [left, top], (ENLARGED,) * 2) for to in (warp.source(points), warp.move(points))]
        tiles.append(with_dots(tile, *both))
    captions = [f"intensity {intensity:g}" for intensity in intensities]
    return contact_sheet(tiles, len(tiles), CROP * ENLARGED, captions, "red: the report's keypoints, green: ours")


def with_dots(tile: np.ndarray, report: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Red dots (N, 2), green ones, and a line from each red one to its green one."""
    reds, greens = (np.rint(16 * places).astype(int).tolist() for places in (report, ours))  # in sixteenths of pixels
    for red, green in zip(reds, greens, strict=True):
        cv2.line(tile, red, green, RED, 2, cv2.LINE_AA, 4)
    for colour, places in ((RED, reds), (GREEN, greens)):
        for place in places:
            cv2.circle(tile, place, 16 * (RADIUS + 1), (245, 245, 245), cv2.FILLED, cv2.LINE_AA, 4)
            cv2.circle(tile, place, 16 * RADIUS, colour, cv2.FILLED, cv2.LINE_AA, 4)
    return tile


def kinds_picture() -> np.ndarray:
    """The code through every warp."""
    points, rng = scene().codes[0].keypoints[:, :2], np.random.default_rng(FIELD)
    warps: dict[str, Warp] = {"as it was": Rotation(SIZE, 0.0), "rotation by 33 degrees": Rotation(SIZE, 33.0)}
    warps |= {f"curvature {factor:g}": Curvature(SIZE, factor) for factor in (0.1, 0.2)}
    warps |= {f"crumpling {intensity:g}": crumpling(intensity) for intensity in (0.3, 1.0, 2.0)}
    warps["smooth field"] = draw_unfolded(lambda rng: SmoothField.draw(rng, SIZE), rng, points)[0]
    tiles = [warp.warp(scene().image, "replicate") for warp in warps.values()]
    return contact_sheet(tiles, 4, 256, list(warps))


def jpeg(picture: np.ndarray) -> bytes:
    """A file's content."""
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
