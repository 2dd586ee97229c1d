"""Checks of what the user gave for the keys of a verb."""

import math
from typing import Any

from cellmark.errors import CellmarkError


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number within limits.

    Raises:
        CellmarkError: it is not.
    """
    if type(value) is not int or value < least or (most is not None and value > most):
        limits = f"from {least} up" if most is None else f"from {least} to {most}"
        raise CellmarkError(f"{name}={value}: a whole number {limits} is needed")
    return value


def positive(name: str, value: Any, *, zero: bool = False) -> float:
    """A number above 0, or with ``zero`` from 0 up.

    Raises:
        CellmarkError: it is not.
    """
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise CellmarkError(f"{name}={value}: a number {'from 0 up' if zero else 'above 0'} is needed")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or false.

    Raises:
        CellmarkError: it is neither.
    """
    if type(value) is not bool:
        raise CellmarkError(f"{name}={value}: true or false is needed")
    return value


def workers(value: Any) -> int | None:
    """A number of processes, or None for one on each core.

    Raises:
        CellmarkError: it is neither.
    """
    if value is not None and (type(value) is not int or value < 1):
        raise CellmarkError(f"workers={value}: at least 1 is needed, or null for one on each core")
    return value
