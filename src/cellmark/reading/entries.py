"""What was read as JSON says it: the lines of ``cellmark read`` and the answers of the service."""

from collections.abc import Sequence
from typing import Any

from cellmark.data.problem_entries import well_formed
from cellmark.reading.code import Code

KEYS = ("text", "rows", "cols", "corners", "cells_found", "errors_corrected")  # null where nothing was read


def entries(file: str, codes: Sequence[Code], reason: str, seconds: float) -> list[dict[str, Any]]:
    """The JSON objects of one picture: one per code, or one that says why there is none.

    Args:
        file: name of the picture.
        codes: what was read.
        reason: why nothing was.
        seconds: that the picture took in all.
    """
    name, took = {"file": well_formed(file)}, {"seconds": round(seconds, 4)}
    if not codes:
        return [name | dict.fromkeys(KEYS) | took | {"reason": well_formed(reason)}]
    return [
        name
        | {
            "text": well_formed(code.text),
            "rows": code.rows,
            "cols": code.cols,
            "corners": [[round(float(x), 2), round(float(y), 2)] for x, y in code.corners],
            "cells_found": code.cells_found,
            "errors_corrected": code.errors_corrected,
        }
        | took
        | {"engine": code.engine}
        for code in codes
    ]
