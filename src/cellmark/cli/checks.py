"""Checks of what the user gave for the keys of a verb."""

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
