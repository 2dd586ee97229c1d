"""Problems as JSON says them."""

from pathlib import Path
from typing import Any

from cellmark.data.records import Problem


def problem_entry(problem: Problem, root: Path) -> dict[str, Any]:
    """The file as it is called from ``root``, the record and its id (null where it has none), and the reason."""
    return {
        "file": well_formed(shown_file(root, problem.file)),
        "record": well_formed(problem.record),
        "id": problem.id,
        "reason": well_formed(problem.reason),
    }


def shown_file(root: Path, file: Path) -> str:
    """A file as it is called from ``root``, which is ``.`` itself; in full if it lies elsewhere."""
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


def well_formed(text: str) -> str:
    """``text`` with half surrogate pairs as escapes: a JSON string of them is refused by strict readers."""
    return text.encode("utf-8", "backslashreplace").decode()
