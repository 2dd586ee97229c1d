"""Pictures without a code: all that is around codes, and what a careless reader takes for one."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from cellmark.data.generate import clutter, optics
from cellmark.data.generate.layout import Layout, Placed, arrange
from cellmark.data.generate.recipes import RECIPES, photograph
from cellmark.data.generate.symbols import Symbol

Shape = tuple[int, int]
BLANK, SCENERY = 0.4, 0.1  # share of pictures with text and lines at most, and of machines only
MIN_PITCH = 5.0


def draw_clutter(size: int, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A picture with no Data Matrix in it, made and taken as those with one are.

    Args:
        size: side in pixels.
        rng: source of all randomness.
        severity: 0 (clean) to 1.5 (extreme).

    Returns:
        uint8 (size, size, 3) RGB.
    """
    recipe = RECIPES[tuple(RECIPES)[rng.integers(len(RECIPES))]]
    kind = rng.random()
    if kind < SCENERY:
        machine = clutter.machine(rng, (size, size), dark=rng.random() < 0.4)
        scene = clutter.scratches(rng, machine, rng.poisson(4 * severity), 1.5, light=True)
        return optics.take(rng, clutter.soil(rng, scene, severity), recipe.camera, size / 25, severity)
    whole = replace(recipe.view, close=0.0)  # a pattern seen only in part might be the inside of a large code
    layout = arrange(whole, size, rng, severity, min(MIN_PITCH, size / 16))
    layout = _bare(layout, rng) if kind < SCENERY + BLANK else _patterned(layout, rng)
    return photograph(recipe, layout, rng, severity)


def _bare(layout: Layout, rng: np.random.Generator) -> Layout:
    """Nothing marked; text and lines come where the code would be."""
    nothing = Placed(Symbol("", np.zeros((1, 1), bool)), (0, 0), np.zeros((1, 1, 2)))
    return replace(layout, placed=(nothing,), extent=np.maximum(layout.extent * rng.uniform(0.1, 0.7), 2.0))


def _patterned(layout: Layout, rng: np.random.Generator) -> Layout:
    """Other cells in place of each code's."""
    pattern = PATTERNS[rng.integers(len(PATTERNS))]
    placed = tuple(replace(code, symbol=Symbol("", pattern(rng, code.shape))) for code in layout.placed)
    return replace(layout, placed=placed)


def _checkerboard(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    cell = int(rng.integers(1, 4))
    rows, cols = np.indices(shape) // cell
    result: np.ndarray = (rows + cols) % 2 == 0
    return result


def _grid(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Every cell, every second or third one: dot grids, perforated sheet."""
    step = rng.integers(1, 4, 2)
    rows, cols = np.indices(shape)
    result: np.ndarray = (rows % step[0] == 0) & (cols % step[1] == 0)
    return result


def _bars(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A linear bar code, upright or lying."""
    if rng.random() < 0.5:
        return np.broadcast_to(rng.random(shape[1]) < 0.5, shape).copy()
    return np.broadcast_to((rng.random(shape[0]) < 0.5)[:, None], shape).copy()


def _stacked_bars(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Rows of bars, each three modules high, as PDF417 has them, with the same start and stop in all rows."""
    rows = rng.random((shape[0] // 3 + 1, shape[1])) < 0.5
    rows[:, :4] = (True, True, True, False)
    rows[:, -3:] = (True, False, True)
    return np.repeat(rows, 3, axis=0)[: shape[0]]


def _squares(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Random squares without any finder."""
    return rng.random(shape) < rng.uniform(0.3, 0.7)


def _qr(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Random squares with square eyes in three corners, as QR has them (one eye where the code is low)."""
    cells = rng.random(shape) < 0.5
    eye = np.zeros((8, 8), bool)
    eye[:7, :7] = True
    eye[1:6, 1:6] = False
    eye[2:5, 2:5] = True
    cells[:8, :8] = eye
    if min(shape) >= 16:
        cells[:8, -8:] = eye[:, ::-1]
        cells[-8:, :8] = eye[::-1]
    return cells


def _bullseye(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Random squares around square rings, as Aztec has them."""
    cells = rng.random(shape) < 0.5
    rows, cols = np.indices(shape)
    away = np.maximum(np.abs(rows - shape[0] // 2), np.abs(cols - shape[1] // 2))
    result: np.ndarray = np.where(away <= 5, away % 2 == 0, cells)
    return result


def _letters(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Lines of letters made of cells, as dot printers write them."""
    cells = np.zeros(shape, np.uint8)
    for bottom in range(9, shape[0] + 4, 12):
        text = "".join(clutter.random_text(rng) for _ in range(shape[1] // 24 + 1))
        cv2.putText(cells, text, (0, bottom), cv2.FONT_HERSHEY_PLAIN, 0.8, 255, 1)
    return cells > 0


def _filled(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """A full block, or a frame."""
    cells = np.ones(shape, bool)
    if rng.random() < 0.5:
        cells[1:-1, 1:-1] = False
    return cells


PATTERNS: tuple[Callable[[np.random.Generator, Shape], np.ndarray], ...] = (
    _checkerboard,
    _grid,
    _bars,
    _stacked_bars,
    _squares,
    _qr,
    _bullseye,
    _letters,
    _letters,
    _filled,
)
