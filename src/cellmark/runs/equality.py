"""Whether values of configs are the same."""

from collections.abc import Mapping, Sequence
from typing import Any


class _Missing:
    """The value of a key that a run's config does not have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def same(one: Any, other: Any) -> bool:
    """Equality in which true is not 1, while 1 is 1.0, as for whoever reads a config, and NaN is NaN."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def differ(values: Sequence[Any]) -> bool:
    """Whether there are two that are not the same."""
    return any(not same(values[0], value) for value in values[1:])


def alike(places: Sequence[int], values: Sequence[Any]) -> list[list[int]]:
    """``places`` in ``values``, those of one value together, in order of their first."""
    groups: list[list[int]] = []
    for place in places:
        own = next((group for group in groups if same(values[group[0]], values[place])), None)
        if own is None:
            groups.append([place])
        else:
            own.append(place)
    return groups
