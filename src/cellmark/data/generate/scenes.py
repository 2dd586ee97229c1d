"""The conditions by name, and ``draw``: one picture of one of them.

To add a condition: a painter ``(Layout, rng, severity) -> float32 (H, W, 3)`` and an entry in ``recipes.RECIPES``.
"""

from dataclasses import dataclass

import numpy as np

from cellmark.data.generate.empty import draw_clutter
from cellmark.data.generate.layout import arrange
from cellmark.data.generate.recipes import RECIPES, photograph
from cellmark.data.records import Code
from cellmark.errors import CellmarkError

NO_CODE = "0_no_code"
MIXED = "12_mixed"  # each picture of one of the others: a folder to validate on
ALL_CONDITIONS: tuple[str, ...] = (NO_CODE, *RECIPES, MIXED)
CONDITIONS: tuple[str, ...] = tuple(RECIPES)[:6]  # the six of the report; the others are for the reader of payloads


@dataclass(frozen=True)
class Drawing:
    """A picture, uint8 (H, W, 3) RGB, and the codes in it."""

    image: np.ndarray
    codes: tuple[Code, ...]


def draw(condition: str, size: int, rng: np.random.Generator, severity: float, min_pitch: float = 5.0) -> Drawing:
    """Draws one picture of a condition.

    Args:
        condition: one of ``ALL_CONDITIONS``.
        size: side of the picture in pixels.
        rng: source of all randomness.
        severity: 0 (clean) to 1.5 (extreme).
        min_pitch: smallest distance between neighbouring cells in pixels.

    Raises:
        CellmarkError: no such condition, or not even the smallest code fits.
    """
    if condition == MIXED:
        condition = str(rng.choice(ALL_CONDITIONS[:-1]))
    if condition == NO_CODE:
        return Drawing(draw_clutter(size, rng, severity), ())
    if condition not in RECIPES:
        raise CellmarkError(f"no condition {condition!r}; there are {', '.join(ALL_CONDITIONS)}")
    recipe = RECIPES[condition]
    layout = arrange(recipe.view, size, rng, severity, min_pitch)
    return Drawing(photograph(recipe, layout, rng, severity), layout.codes())
