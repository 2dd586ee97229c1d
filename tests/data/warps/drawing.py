"""What the tests of warps share: points, and warps drawn without a fold."""

import numpy as np

from cellmark.data.warps.displacement import Warp, draw_unfolded
from cellmark.data.warps.exact import Curvature, Rotation
from cellmark.data.warps.random_fields import Crumpling, SmoothField


def grid(size: tuple[int, int], low: float, high: float, count: int = 8) -> np.ndarray:
    """Places (N, 2) on a jittered grid from ``low`` to ``high`` of each side; ``count``^2 if they are equal."""
    counts = [max(2, round(count * (side / other) ** 0.5)) for side, other in zip(size, size[::-1], strict=True)]
    lines = [side * np.linspace(low, high, n) for side, n in zip(size, counts, strict=True)]
    places = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    return places + np.random.default_rng(0).uniform(-0.5, 0.5, places.shape)


def drawn(kind: str, strength: float, size: tuple[int, int], seed: int, points: np.ndarray) -> Warp:
    """A warp by name; a random field that folds over ``points`` is drawn again."""
    rng = np.random.default_rng(seed)
    if kind == "curvature":
        return Curvature(size, strength * rng.choice([-1, 1]))
    if kind == "rotation":
        return Rotation(size, rng.uniform(0, strength))
    make = {"crumpling": Crumpling.draw, "smooth": SmoothField.draw}[kind]
    return draw_unfolded(lambda rng: make(rng, size, strength), rng, points)[0]
