"""``metrics.csv``: every logged value of a run, whole at every moment and continued by a resumed run."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger
from torch import Tensor

from cellmark.files import append_bytes, write_bytes


class MetricsFile(Logger):
    """Writes a row for each logging step, at once; values that the step does not have stay empty.

    Lightning's own logger of this kind keeps a hundred steps to itself, which a killed run loses, and removes the file
    of the run that it resumes.
    """

    def __init__(self, folder: str, purge_step: int | None = None) -> None:
        """Takes the folder of ``metrics.csv``.

        Args:
            folder: the run folder.
            purge_step: a resumed run goes on with this step: rows of it and after it were logged in vain.
        """
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.purge_step = purge_step
        self._rows: list[dict[str, str]] = []
        self._columns: list[str] = []
        self._begun = False  # whether the file is that of this process

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.name

    @property
    def version(self) -> str:
        """There is one for each run."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """They stand in ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Tensor | float], step: int | None = None) -> None:
        """Adds a row.

        Args:
            metrics: by name; ``epoch`` is the epoch, counted from 0.
            step: optimizer steps so far.
        """
        if not self._begun:
            self._rows = self._earlier()
        row = {key: str(float(value)) for key, value in metrics.items() if key != "epoch"}
        row |= {"step": str(step)} | ({"epoch": str(int(metrics["epoch"]))} if "epoch" in metrics else {})
        self._rows.append(row)
        if self._begun and set(row) <= set(self._columns):
            append_bytes(self.path, _text(self._columns, [row]))
            return
        self._columns = sorted({key for row in self._rows for key in row})
        text = _text(self._columns, [dict(zip(self._columns, self._columns, strict=True)), *self._rows])
        write_bytes(self.path, text)
        self._begun = True

    def _earlier(self) -> list[dict[str, str]]:
        """The rows that a resumed run keeps."""
        if self.purge_step is None or not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]  # a full disk may have cut the last one off
        rows = [row for row in csv.DictReader(whole) if int(row["step"]) < self.purge_step]
        return [{key: value for key, value in row.items() if value} for row in rows]


def _text(columns: list[str], rows: list[dict[str, str]]) -> bytes:
    """Lines of CSV."""
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
