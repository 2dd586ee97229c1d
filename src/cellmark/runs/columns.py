"""Columns of numbers for people: one unit and one number of decimals for all of a column."""

import math
from collections.abc import Sequence

Numbers = Sequence[float | None]
Units = Sequence[tuple[str, float, float]]  # name, size, and from where on it is taken; from the smallest up

SECONDS: Units = (("s", 1, 0), ("min", 60, 180), ("h", 3600, 10800))
KWH: Units = (("mWh", 1e-6, 0), ("Wh", 1e-3, 1e-3), ("kWh", 1, 1))
KG: Units = (("mg", 1e-6, 0), ("g", 1e-3, 1e-3), ("kg", 1, 1))
COUNT: Units = (("", 1, 0), ("k", 1e3, 1e4), ("M", 1e6, 1e6))


def unit_of(values: Numbers, units: Units) -> tuple[str, float]:
    """Name and size of the unit that fits the largest value; the smallest one where nothing is known."""
    most = max((value for value in values if value is not None), default=0.0)
    return [(name, size) for name, size, least in units if most >= least][-1]


def scaled(values: Numbers, units: Units) -> tuple[str, list[float | None]]:
    """Name of the unit that fits the largest value, and the values in it."""
    unit, size = unit_of(values, units)
    return unit, [None if value is None else value / size for value in values]


def titled(name: str, unit: str) -> str:
    """The head of a column: its name, with its unit where it has one."""
    return f"{name}, {unit}" if unit else name


def number_texts(values: Numbers, digits: int, extra: int = 0) -> list[str]:
    """Numbers with the same number of decimals; a dash where nothing is known.

    Args:
        values: of a column.
        digits: that the largest of them gets, if it has decimals.
        extra: decimals that may be added so that the smallest one gets two digits, too.
    """
    sizes = [abs(value) for value in values if value]
    if not sizes:
        decimals = 0
    else:
        decimals = digits - 1 - math.floor(math.log10(max(sizes)))
        decimals = max(0, min(decimals + extra, max(decimals, 1 - math.floor(math.log10(min(sizes))))))
    return ["-" if value is None else f"{value:,.{decimals}f}" for value in values]
