"""Values of configs as text."""

import sys
from typing import Any

import yaml

from cellmark.runs.equality import MISSING

UNUSUAL_BREAKS = frozenset("\x85\u2028\u2029")  # of lines
LONGEST = 60  # letters of a value in a table for people


def exact(value: Any) -> str:
    """YAML on one line that says all of a value; nothing for one that is missing."""
    if value is MISSING:
        return ""
    text = _dumped(value, allow_unicode=True)
    if UNUSUAL_BREAKS & set(text):  # PyYAML writes them as they are, and reads them as spaces
        text = _dumped(value, allow_unicode=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _dumped(value: Any, allow_unicode: bool) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=sys.maxsize, sort_keys=False, allow_unicode=allow_unicode
    )
    return text


def short(value: Any, longest: int = LONGEST) -> str:
    """A value for people: few digits, no quotes, cut where it is long; a dash for one that is missing."""
    text = "-" if value is MISSING else _short(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def _short(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return f"{value:g}"
        case list():
            return f"[{', '.join(map(_short, value))}]"
        case {"_target_": str(target), **others}:
            others.pop("_partial_", None)
            return f"{target.rpartition('.')[2]}{_short(others) if others else ''}"
        case dict():
            return f"{{{', '.join(f'{key}: {_short(own)}' for key, own in value.items())}}}"
    return str(value)
