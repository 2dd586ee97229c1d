"""Photographs of 12 megapixels with one code somewhere: from which size on is it found, and how long does that take?"""

from functools import partial

import cv2
import numpy as np
import zxingcpp

from cellmark.data.generate.empty import draw_clutter
from reading_benchmark.pictures import LARGE, SEED, Picture, Shown

WIDTH, HEIGHT = 4000, 3000
SIDES = (60, 100, 200, 600, 1500)  # pixels, of the codes
CLUTTER = 512  # pixels, side of the picture without codes that is enlarged as the background
SEVERITY = 0.5


def large(count: int, seed: int = SEED) -> list[Picture]:
    """So many pictures for each size of code."""
    return [
        Picture(LARGE, f"{side} px #{number}", f"{side} px", SEVERITY, partial(_draw, side, (seed, 100 + side, number)))
        for number in range(count)
        for side in SIDES
    ]


def _draw(side: int, seed: tuple[int, int, int]) -> Shown:
    """A printed label, turned, somewhere on an enlarged picture of clutter, with noise and a little blur."""
    rng = np.random.default_rng(seed)
    image = cv2.resize(draw_clutter(CLUTTER, rng, SEVERITY), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    text = "".join(rng.choice(list("0123456789"), 6))
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    label = np.pad(np.array(barcode.to_image(scale=16, add_quiet_zones=False)), 32, constant_values=255)
    place = rng.uniform((side, side), (WIDTH - side, HEIGHT - side))
    turn = cv2.getRotationMatrix2D(
        (label.shape[1] / 2, label.shape[0] / 2), rng.uniform(0, 360), side / (len(label) - 64)
    )
    turn[:, 2] += place - (label.shape[1] / 2, label.shape[0] / 2)
    ink, paper = rng.uniform(10, 70), rng.uniform(150, 240)
    # Averages over what a pixel sees: shrunk by warping alone, a label would be jagged
    shrink = max(1, round((len(label) - 64) / side))
    turn[:, :2] *= shrink
    label = cv2.resize(label, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
    grey = cv2.warpAffine(label, turn, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    covered = cv2.warpAffine(np.full_like(label, 255), turn, (WIDTH, HEIGHT))[..., None] / np.float32(255)
    shown = ink + (paper - ink) * grey[..., None] / np.float32(255)
    mixed = cv2.GaussianBlur(image * (1 - covered) + shown * covered, (0, 0), 0.8)
    noise = rng.normal(0, 6, (HEIGHT, WIDTH, 1)).astype(np.float32)
    return Shown(np.clip(mixed + noise, 0, 255).astype(np.uint8), (text,))
