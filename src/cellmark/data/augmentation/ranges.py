"""Ranges from which the parameters of a transform are drawn."""

from collections.abc import Sequence

import numpy as np

from cellmark.errors import CellmarkError

Range = tuple[float, float]


def checked_range(name: str, values: Sequence[float], least: float, most: float) -> Range:
    """Two numbers in order, within limits.

    Args:
        name: of the transform and its parameter, for the message.
        values: from the config.
        least: smallest value that makes sense.
        most: largest value that makes sense.

    Raises:
        CellmarkError: they are not such a range.
    """
    shown = list(values) if isinstance(values, Sequence) else values
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 2:
        raise CellmarkError(f"{name}={shown}: a range [from, to] is needed")
    try:
        low, high = float(values[0]), float(values[1])
    except (TypeError, ValueError) as error:
        raise CellmarkError(f"{name}={shown}: two numbers are needed") from error
    if not least <= low <= high <= most:
        raise CellmarkError(f"{name}={shown}: needs {least:g} <= from <= to <= {most:g}")
    return low, high


def checked_share(name: str, value: float) -> float:
    """A probability, or a share of something: a number from 0 to 1.

    Raises:
        CellmarkError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise CellmarkError(f"{name}={value}: a number from 0 to 1 is needed")
    return float(value)


def log_uniform(rng: np.random.Generator, factors: Range) -> float:
    """A factor for which twice and half are equally likely."""
    return float(np.exp(rng.uniform(*np.log(factors))))
