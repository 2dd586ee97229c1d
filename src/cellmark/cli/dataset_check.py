"""``cellmark dataset_check``: every problem of a folder of COCO folders, and what the sound part holds."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.table import Table
from rich.text import Text

from cellmark.cli.problems import print_wide, problem_table
from cellmark.data.check import check, count
from cellmark.data.coco import Visibility, resolve_visibility
from cellmark.data.json_entries import printable
from cellmark.data.records import Folder, Problem


def run(*, data: DictConfig, mode: DictConfig) -> int:
    """Checks ``data.root`` and prints what it finds.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.

    Returns:
        The exit status: 1 if there is any problem, else 0.
    """
    root = Path(data.root)
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    folders, problems = check(root, visibility)
    if problems:
        print_wide(problem_table(root, problems))
    if folders:
        print_wide(summary_table(root, folders, problems, visibility, mode.classes))
    noun = "problem" if len(problems) == 1 else "problems"
    print_wide(
        Text(
            f"{printable(str(root))}: {len(problems) or 'no'} {noun}",
            "bold red" if problems else "bold green",
        )
    )
    return 1 if problems else 0


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
        found = sum(problem.file.is_relative_to(folder.path) for problem in problems)
        cells = (*counts.cells, *[0] * (len(classes) - len(counts.cells)))
        rows.append([counts.images, counts.codes, *cells, counts.not_labelled, found])
        table.add_row(Text(printable(folder.name)), *map(str, rows[-1]))
    table.add_section()
    *sums, _ = (sum(column) for column in zip(*rows, strict=True))
    table.add_row("all", *map(str, sums), str(len(problems)))  # with those of no folder in the table
    return table
