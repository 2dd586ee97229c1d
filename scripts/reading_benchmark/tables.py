"""The figures as tables: on the terminal, in Markdown, and as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from cellmark.runs.markdown import markdown_table, markdown_text
from reading_benchmark.measuring import Outcome, tally
from reading_benchmark.pictures import CLUTTER, LARGE, MEDIUM, PHOTOS, SYNTHETIC
from reading_benchmark.readers import Subject
from reading_benchmark.scoring import Tally

ALL = "all"
MISSING = "not installed"
NONE = "-"


@dataclass(frozen=True)
class Section:
    """One table: a row for each group of pictures.

    Attributes:
        title: above it.
        first: head of the first column.
        groups: label of each row and its pictures.
    """

    title: str
    first: str
    groups: tuple[tuple[str, tuple[Outcome, ...]], ...]


def sections(outcomes: Sequence[Outcome]) -> list[Section]:
    """The tables of a measurement; parts of it without any picture have none."""
    parts = {
        part: [o for o in outcomes if o.picture.part == part] for part in (SYNTHETIC, CLUTTER, MEDIUM, LARGE, PHOTOS)
    }
    made = [
        _section("Synthetic, by severity", "severity", parts[SYNTHETIC], lambda o: f"{o.picture.severity:g}"),
        _section("Synthetic, by condition", "condition", parts[SYNTHETIC], lambda o: o.picture.group),
        _section("Pictures without a code", "clutter", parts[CLUTTER], None),
        _section("512 x 512 pixels, by severity", "severity", parts[MEDIUM], lambda o: f"{o.picture.severity:g}"),
        _section("12 megapixels, by side of the code", "code", parts[LARGE], lambda o: o.picture.group),
        _section("Photographs, by source", "source", parts[PHOTOS], lambda o: o.picture.group),
    ]
    return [section for section in made if section.groups]


def _section(title: str, first: str, outcomes: Sequence[Outcome], label: Callable[[Outcome], str] | None) -> Section:
    if not outcomes:
        return Section(title, first, ())
    if label is None:
        return Section(title, first, ((ALL, tuple(outcomes)),))
    labels = sorted({label(outcome) for outcome in outcomes})
    groups = [(each, tuple(o for o in outcomes if label(o) == each)) for each in labels]
    return Section(title, first, (*groups, (ALL, tuple(outcomes))))


def terminal(section: Section, subjects: Sequence[Subject]) -> Table:
    """For ``rich``: the figures of a reader below each other, so that four readers fit."""
    names = [subject.name for subject in subjects]
    table = Table(title=section.title, title_justify="left", show_lines=True)
    for place, column in enumerate([section.first, "pictures", "codes", "cut off", *names]):
        table.add_column(column, justify="left" if place == 0 else "right")
    for row in _rows(section, subjects):
        figures = [row[place : place + 3] for place in range(4, len(row), 3)]
        cells = [rate if rate == MISSING else f"{rate}\n{wrong} wrong\n{ms} ms" for rate, wrong, ms in figures]
        table.add_row(*row[:4], *cells)
    return table


def markdown(section: Section, subjects: Sequence[Subject]) -> str:
    """The table below its title."""
    rows = [[markdown_text(cell) for cell in row] for row in _rows(section, subjects)]
    return f"## {section.title}\n\n{markdown_table(_head(section, subjects), rows, left=[0])}"


def figures(section: Section, subjects: Sequence[Subject]) -> dict[str, Any]:
    """For JSON."""
    groups = {}
    for label, outcomes in section.groups:
        readers = {subject.name: _figures(subject, tally(outcomes, subject.name)) for subject in subjects}
        groups[label] = {**_counts(outcomes), "readers": readers}
    return {"title": section.title, "groups": groups}


def wrong_reads(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    """Every wrong read: of which reader, where, and what it gave."""
    return [
        {"reader": name, "picture": outcome.picture.name, "text": text}
        for outcome in outcomes
        for name, score in outcome.scores.items()
        for text in score.wrong
    ]


def picture_figures(outcome: Outcome) -> dict[str, Any]:
    """One picture, for JSON: what each reader made of it."""
    scores = {
        name: {"read": len(score.right), "wrong": len(score.wrong), "ms": round(score.milliseconds, 2)}
        for name, score in outcome.scores.items()
    }
    return {"name": outcome.picture.name, "codes": len(outcome.texts), "cut_off": outcome.cut, "readers": scores}


def _head(section: Section, subjects: Sequence[Subject]) -> list[str]:
    columns = [part for s in subjects for part in (s.name, "wrong", "ms, median / 95 %")]
    return [section.first, "pictures", "codes", "cut off", *columns]


def _rows(section: Section, subjects: Sequence[Subject]) -> list[list[str]]:
    rows = []
    for label, outcomes in section.groups:
        counts = [str(number) for number in _counts(outcomes).values()]
        cells = [cell for subject in subjects for cell in _cells(subject, tally(outcomes, subject.name))]
        rows.append([label, *counts, *cells])
    return rows


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "pictures": len(outcomes),
        "codes": sum(len(outcome.texts) for outcome in outcomes),
        "cut_off": sum(outcome.cut for outcome in outcomes),
    }


def _cells(subject: Subject, found: Tally) -> list[str]:
    if subject.read is None:
        return [MISSING, NONE, NONE]
    rate = NONE if found.rate is None else f"{100 * found.rate:.1f} %"
    median, late = found.milliseconds(50), found.milliseconds(95)
    return [rate, str(found.wrong), NONE if median is None or late is None else f"{_ms(median)} / {_ms(late)}"]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.{0 if milliseconds >= 10 else 1}f}"


def _figures(subject: Subject, found: Tally) -> dict[str, Any]:
    if subject.read is None:
        return {"missing": subject.missing}
    return {
        "read": found.right,
        "rate": found.rate,
        "wrong": found.wrong,
        "repeated": found.repeated,
        "ms_median": found.milliseconds(50),
        "ms_95": found.milliseconds(95),
    }
