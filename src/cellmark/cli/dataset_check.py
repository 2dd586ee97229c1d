"""``cellmark dataset_check``: every problem of a folder of COCO folders, and what the sound part holds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.table import Table
from rich.text import Text

from cellmark.cli.printing import counted, print_line, print_wide, problem_table
from cellmark.data.check import check, count
from cellmark.data.coco import Visibility, resolve_visibility
from cellmark.data.images import list_images
from cellmark.data.json_entries import printable
from cellmark.data.problem_entries import problem_entry, well_formed
from cellmark.data.records import Folder, Problem
from cellmark.errors import CellmarkError

FORMATS = ("table", "json")


def run(*, data: DictConfig, mode: DictConfig, format: str) -> int:
    """Checks ``data.root`` and prints what it finds; every file is read, and the index kept of it renewed.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.
        format: ``table`` for people, ``json`` for programs, see `report`.

    Returns:
        The exit status: 1 if there is any problem, else 0.

    Raises:
        CellmarkError: there is no such format, or the map of v and the classes do not fit.
    """
    if format not in FORMATS:
        raise CellmarkError(f"format={format}: there are {', '.join(FORMATS)}")
    root = Path(data.root)
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    folders, problems = check(root, visibility, cache=True, renew=True)
    if format == "json":
        print(json.dumps(report(root, folders, problems, visibility, mode.classes), indent=2, allow_nan=False))
        return 1 if problems else 0
    if problems:
        print_wide(problem_table(root, problems))
    if folders:
        print_wide(summary_table(root, folders, problems, visibility, mode.classes))
    for folder in folders:
        if others := not_listed(folder):
            print_line(f"note: {folder.name}: {counted(len(others), 'image file')} that its COCO file does not name")
    line = f"{printable(str(root))}: {counted(len(problems), 'problem')}"
    print_wide(Text(line, "bold red" if problems else "bold green"))
    return 1 if problems else 0


def report(
    root: Path,
    folders: Sequence[Folder],
    problems: Sequence[Problem],
    visibility: Visibility,
    classes: Sequence[str],
) -> dict[str, Any]:
    """What was found, ready for ``json.dump``; files are named from ``root``, and it is ``.`` itself."""
    rows = []
    for folder in folders:
        counts = count(folder, visibility)
        rows.append(
            {
                "name": well_formed(folder.name),
                "images": counts.images,
                "codes": counts.codes,
                "cells": dict(zip(classes, counts.cells, strict=True)),
                "not_labelled": counts.not_labelled,
                "not_listed": [well_formed(path.name) for path in not_listed(folder)],
                "problems": _found(folder, problems),
            }
        )
    found = [problem_entry(problem, root) for problem in problems]
    return {"root": well_formed(str(root)), "problems": found, "folders": rows, "ok": not problems}


def summary_table(
    root: Path,
    folders: Sequence[Folder],
    problems: Sequence[Problem],
    visibility: Visibility,
    classes: Sequence[str],
) -> Table:
    """One row per folder: sound images, their codes and cells, and the number of problems."""
    table = Table("folder", title="Folders, without the images that have a problem", title_justify="left")
    table.columns[0].overflow = "fold"
    for heading in ("images", "codes", *(f"{name} cells" for name in classes), "not labelled", "problems"):
        table.add_column(heading, justify="right")
    rows = []
    for folder in folders:
        counts = count(folder, visibility)
        rows.append([counts.images, counts.codes, *counts.cells, counts.not_labelled, _found(folder, problems)])
        table.add_row(Text(printable(folder.name)), *map(str, rows[-1]))
    table.add_section()
    *sums, _ = (sum(column) for column in zip(*rows, strict=True))
    table.add_row("all", *map(str, sums), str(len(problems)))  # with those of no folder in the table
    return table


def not_listed(folder: Folder) -> list[Path]:
    """The image files directly in a folder that its COCO file does not name; nothing is wrong with that."""
    known = {record.path for record in folder.images} | {image.file for image in folder.left_out}
    return [path for path in list_images(folder.path) if path not in known]


def _found(folder: Folder, problems: Sequence[Problem]) -> int:
    return sum(problem.file.is_relative_to(folder.path) for problem in problems)
