"""What a look through a data set found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cellmark.data.findings import Finding
from cellmark.data.problem_entries import well_formed
from cellmark.data.statistics import Statistics


@dataclass(frozen=True)
class Survey:
    """The numbers of a data set, and what is wrong with it or odd about it.

    Attributes:
        root: the data set as the user named it.
        size: height and width of the network's input in pixels.
        classes: names of the classes.
        folders: what each folder holds.
        every: what all of them hold together.
        findings: what is worth a look.
        problems: of the data, the reasons why images are left out.
        left_out: number of these images.
    """

    root: str
    size: tuple[int, int]
    classes: Sequence[str]
    folders: Sequence[Statistics]
    every: Statistics
    findings: Sequence[Finding]
    problems: Sequence[str]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON: every number, null where one is not defined."""
        return {
            "root": well_formed(self.root),
            "size": list(self.size),
            "folders": [{"folder": well_formed(one.name), **one.to_dict()} for one in self.folders],
            "all": self.every.to_dict(),
            "findings": [
                {"folder": well_formed(self.folders[index].name), "text": text} for index, text in self.findings
            ],
            "problems": [well_formed(problem) for problem in self.problems],
            "images_left_out": self.left_out,
        }
