"""Positions of cells from one COCO file and their colours from the grids of another: COCO with classes.

Keypoints are matched with the cells of a grid in row-major order. In the file with the positions v has COCO's
meaning: a keypoint with v = 0 at x = y = 0 has no known place and stays v = 0; one with v = 0 at another place
gets its class like all others.

Where the finder tells how the code lies, grid and keypoints are turned together (never mirrored) until it is on the
left and at the bottom, and ``rows`` and ``cols`` say so. All other keys of images, annotations and the file stay
as they are; a list with an entry for each keypoint would therefore keep the old order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.annotations import Visibility, parse_code
from cellmark.data.coco import ANNOTATIONS, OnDecoded
from cellmark.data.json_entries import Entry
from cellmark.data.prepare.coco_input import CocoInput, Values, by_id, read_coco
from cellmark.data.prepare.convert.class_values import v_of_colours
from cellmark.data.prepare.convert.converted import Converted, labelled
from cellmark.data.prepare.convert.grid_files import GridFile, GridRecord, plain, read_grid_file
from cellmark.data.prepare.convert.grids import UNDECIDABLE, Finder
from cellmark.data.prepare.convert.pairing import pair
from cellmark.data.prepare.unchanged import unchanged
from cellmark.data.records import NOT_LABELLED, Code, ImageRecord, Problem

PLACES: Visibility = {0: None, 1: 0, 2: 0}  # COCO's own meaning of v: whether the place is known


def convert_grids(
    positions: Path,
    grids: Path,
    visibility_to_class: Visibility,
    classes: Sequence[str],
    on_decoded: OnDecoded | None = None,
) -> Converted:
    """Joins positions and grids.

    Args:
        positions: COCO file beside its images.
        grids: COCO-like file with ``datamatrix.binary_grid`` on its annotations; its images have the same names.
        visibility_to_class: v -> class index, or None, of what is written.
        classes: names of the classes. Those called black and white decide the v that are written, else 2 and 1.
        on_decoded: told after every decoded image.

    Returns:
        The images without any problem, and every problem of both files.

    Raises:
        CellmarkError: the classes cannot be written, or somebody has changed one of the files meanwhile.
    """
    colours = v_of_colours(visibility_to_class, classes)
    with unchanged(positions, grids):
        source = read_coco(positions, PLACES, on_decoded)
        file = read_grid_file(grids)
    pairs, lonely = pair(positions, source.content, file)
    joined = _Joined(source, visibility_to_class, colours, [*source.problems, *file.problems, *lonely])
    for name, record in source.records.items():
        joined.add(name, record, file, pairs)
    return joined.result()


@dataclass
class _Joined:
    """The images that have been joined with their grids, and all problems so far."""

    source: CocoInput
    visibility: Visibility
    colours: tuple[int, int]  # v of black and of white
    problems: list[Problem]
    images: list[Values] = field(default_factory=list)
    codes: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, Path] = field(default_factory=dict)
    inverted: int = 0

    @cached_property
    def annotations(self) -> dict[int, Values]:
        """The annotations by id, of which only those of sound images are asked for."""
        return by_id(self.source.content, "annotations")

    def add(self, file_name: str, record: ImageRecord, file: GridFile, pairs: Mapping[int, GridRecord]) -> None:
        """Takes an image whose positions are sound, unless there is any problem with its grids."""
        name, before = plain(file_name), len(self.problems)
        finders = [pairs[code.id].finder if code.id in pairs else None for code in record.codes]
        codes = [
            self._labelled(code, finder, record)
            for code, finder in zip(record.codes, finders, strict=True)
            if finder is not None
        ]
        complete = len(record.codes) == len(codes) == len(file.by_name.get(name, ()))
        if not complete or len(self.problems) > before or name in file.spoiled:
            return
        self.images.append(self.source.images[record.id])
        self.codes += codes
        self.pictures[file_name] = record.path
        self.inverted += sum(finder.inverted for finder in finders if finder is not None)

    def result(self) -> Converted:
        """All that was taken."""
        counts = {
            "images": len(self.images),
            "codes": len(self.codes),
            "cells": sum(entry["num_keypoints"] for entry in self.codes),
            "inverted": self.inverted,
            "of unknown orientation": sum("rows" not in entry for entry in self.codes),
            "undecidable": sum(problem.reason == UNDECIDABLE for problem in self.problems),
            "images left out": self.source.total - len(self.images),
        }
        content = {**self.source.content, "images": self.images, "annotations": self.codes}
        notes = [
            f"annotation {entry['id']}: three outer sides are solid, so how the code lies is open: no rows and cols"
            for entry in self.codes
            if "rows" not in entry
        ]
        return Converted(self.source.folder.path, ANNOTATIONS, content, self.pictures, self.problems, counts, notes)

    def _labelled(self, code: Code, finder: Finder, record: ImageRecord) -> dict[str, Any]:
        """The annotation with classes; cells with a known place outside of the image are noted."""
        original = self.annotations[code.id]
        keypoints = with_colours(code.keypoints, finder.black, self.colours)
        given = labelled(original, keypoints, None)
        check = Entry(self.source.file, f"annotation {code.id}", given, self.problems)
        parse_code(check, (record.width, record.height), self.visibility)
        return given if finder.shape is None else labelled(original, keypoints[finder.order], finder.shape)


def with_colours(keypoints: np.ndarray, black: np.ndarray, colours: tuple[int, int]) -> np.ndarray:
    """Keypoints with the v of their colours.

    Args:
        keypoints: float64 (K, 3) x, y and COCO's v.
        black: bool (rows, cols) with K cells, in the order of the keypoints.
        colours: v of black and of white.
    """
    unknown = (keypoints == 0).all(axis=1)
    v = np.where(unknown, NOT_LABELLED, np.where(black.ravel(), *colours))
    return np.column_stack([keypoints[:, :2], v])
