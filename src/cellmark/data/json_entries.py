"""Typed access to the entries of a JSON file that anybody may have written.

Nothing here raises: what is missing or of the wrong kind is noted as a problem, and the caller gets None.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.records import Problem

LARGEST = 2**31 - 1  # of an image side, rows or columns; beyond that arithmetic with floats is no longer exact


@dataclass(frozen=True)
class Entry:
    """One JSON object of a file, and the place where its problems are noted.

    Attributes:
        file: the JSON file.
        record: name of the entry in messages.
        values: the object.
        problems: the list that is added to.
    """

    file: Path
    record: str
    values: Mapping[str, Any]
    problems: list[Problem]

    @property
    def id(self) -> int | None:
        """The id, if there is a usable one; the top level of a file has none, whatever stands in it."""
        value = self.values.get("id") if self.record else None
        return value if type(value) is int else None

    def note(self, reason: str, file: Path | None = None) -> None:
        """Notes a problem of this entry, in its JSON file unless another one is named."""
        self.problems.append(Problem(file or self.file, self.record, reason, self.id))

    def required(self, key: str) -> Any:
        """The value under ``key``; a missing one is noted."""
        if key not in self.values:
            self.note(f"{key} is missing")
        return self.values.get(key)

    def integer(self, key: str) -> int | None:
        """A required integer of any size and sign, such as an id."""
        value = self.required(key)
        return self._integer(key, value) if key in self.values else None

    def positive(self, key: str) -> int | None:
        """A required integer from 1 to `LARGEST`, such as an image side."""
        value = self.integer(key)
        if value is not None and not 1 <= value <= LARGEST:
            self.note(f"{key} is {shown(value)}, not between 1 and {LARGEST}")
            return None
        return value

    def optional_integer(self, key: str) -> int | None:
        """An integer that may be absent or null."""
        value = self.values.get(key)
        return None if value is None else self._integer(key, value)

    def optional_positive(self, key: str) -> int | None:
        """An integer from 1 to `LARGEST` that may be absent or null."""
        return None if self.values.get(key) is None else self.positive(key)

    def optional_text(self, key: str) -> str | None:
        """A string that may be absent or null."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            self.note(f"{key} is {shown(value)}, not a string")
            return None
        return value

    def check_numbers(self, key: str, value: Any) -> list[float] | None:
        """``value`` as finite floats if it is a list of such; what is wrong is noted under ``key``."""
        if not isinstance(value, list):
            self.note(f"{key} is {shown(value)}, not a list")
            return None
        sound = finite_numbers(value)
        if sound is not None:
            return [float(number) for number in sound]
        numbers = [as_float(item) for item in value]
        alien = [index for index, number in enumerate(numbers) if number is None]
        endless = [index for index, number in enumerate(numbers) if number is not None and not math.isfinite(number)]
        if alien:
            self.note(f"{key}: not a number at index {listed(alien)}, the first is {shown(value[alien[0]])}")
        if endless:
            self.note(f"{key}: NaN or infinite at index {listed(endless)}")
        return None if alien or endless else [number for number in numbers if number is not None]

    def _integer(self, key: str, value: Any) -> int | None:
        if type(value) is not int:  # a bool is an int to isinstance
            self.note(f"{key} is {shown(value)}, not an integer")
            return None
        return value


def finite_numbers(values: list[Any]) -> np.ndarray | None:
    """A list of finite JSON numbers as float64 (N,); None if anything else is among them."""
    if not set(map(type, values)) <= {int, float}:  # a bool is an int to isinstance
        return None
    try:
        numbers = np.array(values, np.float64)
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def as_float(value: Any) -> float | None:
    """A JSON number as float, infinite when too large for one; None for anything else."""
    if type(value) not in (int, float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shown(value: Any, limit: int = 80) -> str:
    """``value`` for a message: short, on one line, in characters that every terminal can print."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if type(value) is int and value.bit_length() > 64:
        return f"an integer of {value.bit_length()} bits"  # Python refuses to print very long ones
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."


def printable(name: str) -> str:
    """``name`` with whatever does not print, such as half a surrogate pair, as an escape."""
    return name if name.isprintable() else repr(name)[1:-1]


def listed(items: Sequence[int], most: int = 5) -> str:
    """The first items of a list, and how many there are when that is not all."""
    text = ", ".join(map(str, items[:most]))
    return text if len(items) <= most else f"{text}, ... ({len(items)} in all)"


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which some keys stand more than once; of each the last value is kept.

    Attributes:
        keys_twice: these keys.
    """

    keys_twice: tuple[str, ...] = ()


def object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON file, in which repeated keys do not go unnoticed: a hook for `load_object`."""
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    times = Counter(key for key, _ in pairs)
    repeated = RepeatedKeys(values)
    repeated.keys_twice = tuple(key for key in values if times[key] > 1)
    return repeated


def load_object(
    file: Path, hook: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None
) -> tuple[Mapping[str, Any], str | None]:
    """Reads a JSON file whose top level must be an object.

    Args:
        file: the file.
        hook: makes each object from its keys and values; by default a plain dict, the last of equal keys.

    Returns:
        The object and None; or an empty one and the reason why it cannot be read.
    """
    try:
        value = json.loads(file.read_bytes().decode("utf-8-sig"), object_pairs_hook=hook)
    except UnicodeDecodeError as error:
        return {}, f"not UTF-8: {error.reason} at byte {error.start}"
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        state = "the JSON is cut off" if cut else "not valid JSON"
        return {}, f"{state}: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        return {}, "not usable JSON: nested too deeply"
    except (OSError, ValueError) as error:  # ValueError: a number with thousands of digits
        return {}, f"cannot be read: {error}"
    if not isinstance(value, dict):
        return {}, f"the top level is {shown(value)}, not an object"
    return value, None
