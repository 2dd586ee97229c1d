"""What verbs write into a new folder: images as they are, and the problems of those that are left out."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from cellmark.data.problem_entries import problem_entry
from cellmark.data.records import Problem
from cellmark.errors import CellmarkError
from cellmark.files import copy_file, write_json
from cellmark.progress import Update

PROBLEMS = "problems.json"


def copy_pictures(
    pictures: Mapping[str, Path], root: Path, update: Update, *, link: bool = False, taken: Sequence[str] = ()
) -> None:
    """Copies images into ``root``, or links them, each under its name.

    Args:
        pictures: file name -> file.
        root: where the names start from.
        update: told of every image.
        link: make hard links instead of copies.
        taken: names that no image may have.

    Raises:
        CellmarkError: an image has such a name, or cannot be linked.
    """
    for done, (name, path) in enumerate(pictures.items(), start=1):
        if str(PurePosixPath(name)) in taken:
            raise CellmarkError(f"{path}: an image cannot have the name of a file that is written beside it")
        copy_file(path, root / name, link=link)
        update("linking" if link else "copying", done, len(pictures))


def write_problems(problems: Sequence[Problem], folder: Path, root: Path) -> None:
    """Writes ``problems.json`` into ``root``, if there are any; files are named from the input ``folder``."""
    if problems:
        write_json(root / PROBLEMS, [problem_entry(problem, folder) for problem in problems])
