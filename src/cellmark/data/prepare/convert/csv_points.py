"""CSV files of points, ``file,x,y,class``: reading and writing them.

UTF-8, commas, a header; columns are found by name. Empty lines are passed over. A line is reported by its number
in the file, from 1, and one that runs on through a quoted line break by the number of its first line.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellmark.data.json_entries import printable, shown
from cellmark.data.records import Problem
from cellmark.errors import CellmarkError

COLUMNS = ("file", "x", "y", "class")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_SPECIAL = re.compile('[,"\r\n]')


@dataclass(frozen=True)
class Point:
    """A line: number, image file, place in pixels, and index of the class."""

    line: int
    file: str
    x: float
    y: float
    label: int


@dataclass
class CsvPoints:
    """What a CSV file holds.

    Attributes:
        path: the file.
        points: of every sound line.
        problems: everything that is wrong.
        spoiled: image files that a line with a problem names.
        ignored: names of the columns that mean nothing here.
    """

    path: Path
    points: list[Point] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    spoiled: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)

    def note(self, line: int, file: str, reason: str) -> None:
        """Notes a problem of a line, and that the image file it names, if any, is not to be used."""
        self.problems.append(Problem(self.path, self.record(line, file), reason))
        self.spoiled.add(file)

    @staticmethod
    def record(line: int, file: str) -> str:
        """What a line is called in messages."""
        return f"line {line} ({printable(file)[:200]})" if file else f"line {line}"


def read_points(path: Path, classes: Sequence[str]) -> CsvPoints:
    """Reads a CSV file of points.

    Args:
        path: the file; spaces around numbers and classes do not count, those around file names do, and neither
            does the case of classes.
        classes: names of the classes in the order of their indices.

    Raises:
        CellmarkError: the file cannot be read as CSV to its end, or its header lacks a column.
    """
    lines = _lines(path)
    places, ignored, width = _columns(path, next(lines, None))
    found = CsvPoints(path, ignored=ignored)
    seen: dict[tuple[str, float, float], Point] = {}
    indices = {name.casefold(): index for index, name in enumerate(classes)}
    for line, cells in lines:
        file = cells[places[0]] if places[0] < len(cells) else ""
        if len(cells) != width:
            found.note(line, file, f"has {len(cells)} columns, but the header has {width}")
            continue
        x, y, label = (cells[place].strip() for place in places[1:])
        reasons = [*_against_file(file), *_against_number("x", x), *_against_number("y", y)]
        if label.casefold() not in indices:
            reasons.append(f"class is {shown(label)}, not one of {', '.join(classes)}")
        for reason in reasons:
            found.note(line, file, reason)
        if reasons:
            continue
        point = Point(line, file, float(x), float(y), indices[label.casefold()])
        first = seen.setdefault((file, point.x, point.y), point)
        if first is point:
            found.points.append(point)
        else:
            what = "the same point" if first.label == point.label else "the same place in another class"
            found.note(line, file, f"{what} is on line {first.line}")
    return found


def csv_text(rows: Sequence[tuple[str, float, float, str]]) -> str:
    """The text of a CSV file of points; its numbers read back as exactly the same."""
    lines = [",".join((_cell(file), repr(float(x)), repr(float(y)), _cell(name))) for file, x, y, name in rows]
    return "\n".join([",".join(COLUMNS), *lines, ""])


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every line that is not empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CellmarkError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise CellmarkError(f"{path}: cannot be read: {error.strerror}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise CellmarkError(f"{path}: line {line}: not readable as CSV from here on: {error}") from error


def _columns(path: Path, header: tuple[int, list[str]] | None) -> tuple[list[int], list[str], int]:
    """Places of the columns in the order of `COLUMNS`, names of the others, and number of all."""
    if header is None:
        raise CellmarkError(f"{path}: the file is empty; a header {','.join(COLUMNS)} is needed")
    line, names = header[0], [name.strip() for name in header[1]]
    for column in COLUMNS:
        if names.count(column) != 1:
            state = "missing" if column not in names else "there more than once"
            raise CellmarkError(
                f"{path}: line {line}: column {column} is {state} in the header {shown(','.join(names))}; "
                f"needed is {','.join(COLUMNS)}, separated by commas"
            )
    return [names.index(column) for column in COLUMNS], [n for n in names if n not in COLUMNS], len(names)


def _against_file(name: str) -> list[str]:
    return [] if name else ["file is empty"]


def _against_number(name: str, text: str) -> list[str]:
    if _NUMBER.fullmatch(text) is None:
        return [f"{name} is {shown(text)}, not a number"]
    return [] if math.isfinite(float(text)) else [f"{name} is {shown(text)}, not a finite number"]


def _cell(text: str) -> str:
    """Quoted where needed; Python's own writer leaves a lone carriage return bare before version 3.13."""
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text
