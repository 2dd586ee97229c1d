"""Synthetic lattices: a real symbol bent and slanted, some cells missing, false or of the wrong class."""

from dataclasses import dataclass

import numpy as np
import zxingcpp

from cellmark.symbology import Symbol

PITCH = 10.0  # pixels between cells before the view


@dataclass(frozen=True)
class Seen:
    """What a network would have seen, and the truth.

    Attributes:
        modules: bool (rows, cols), the symbol.
        places: (rows, cols, 2) true centres.
        points: (N, 2) seen cells in random order.
        black: (N,) their probability of black.
        source: int (N,) row-major number of the true cell, -1 for false ones.
    """

    modules: np.ndarray
    places: np.ndarray
    points: np.ndarray
    black: np.ndarray
    source: np.ndarray


def symbol_modules(rng: np.random.Generator, symbol: Symbol) -> np.ndarray:
    text = "".join(rng.choice(list("ABCDEFGH0123456789"), size=max(1, symbol.data_codewords // 3)))
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix, version=symbol.number)
    return np.array(barcode.to_image(scale=1, add_quiet_zones=False)) == 0


def view(rng: np.random.Generator, rows: int, cols: int, tilt: float, waves: float, mirrored: bool) -> np.ndarray:
    """Centres (rows, cols, 2): waves within the plane, then a turn, a slant by a homography, and perhaps a mirror."""
    y, x = np.mgrid[:rows, :cols].astype(float)
    plane = np.stack([x - (cols - 1) / 2, y - (rows - 1) / 2], axis=-1)
    half = max(rows, cols) / 2
    for _ in range(3):
        angle, length = rng.uniform(0, 2 * np.pi), 2 * half * rng.uniform(0.6, 1.6)
        wave = np.array([np.cos(angle), np.sin(angle)]) * 2 * np.pi / length
        swing = rng.normal(0, waves, 2).clip(-1, 1)
        plane = plane + swing * np.sin(plane @ wave + rng.uniform(0, 2 * np.pi))[..., None]
    plane = plane @ _turn(rng.uniform(0, 2 * np.pi))
    axis = _turn(rng.uniform(0, 2 * np.pi))
    slant, distance = rng.uniform(0, tilt), rng.uniform(2.4, 5) * 1.5 * half
    turned = plane @ axis
    seen = turned * [np.cos(slant), 1] / (1 + turned[..., :1] * np.sin(slant) / distance)
    return PITCH * (seen @ axis.T) * ([-1, 1] if mirrored else [1, 1])


def see(
    rng: np.random.Generator,
    symbol: Symbol,
    tilt: float = 0.8,
    waves: float = 0.12,
    missing: float = 0.1,
    false: float = 0.05,
    wrong: float = 0.03,
    mirrored: bool = False,
    inverted: bool = False,
) -> Seen:
    modules = symbol_modules(rng, symbol)
    places = view(rng, *modules.shape, tilt, waves, mirrored)
    points, black = places.reshape(-1, 2), (modules ^ inverted).ravel()
    black = black ^ (rng.random(len(black)) < wrong)
    kept = np.flatnonzero(rng.random(len(points)) >= missing)
    extra = rng.uniform(points.min(axis=0) - 20, points.max(axis=0) + 20, (round(false * len(points)), 2))
    seen = np.concatenate([points[kept] + rng.normal(0, 0.03 * PITCH, (len(kept), 2)), extra])
    sure = np.concatenate([np.where(black[kept], 0.95, 0.05), rng.choice([0.05, 0.95], len(extra))])
    source = np.concatenate([kept, np.full(len(extra), -1)])
    order = rng.permutation(len(seen))
    return Seen(modules, places, seen[order], sure[order], source[order])


def _turn(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s], [s, c]])
