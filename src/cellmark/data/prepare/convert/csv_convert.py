"""Between CSV files of points and COCO.

All points of an image file become one annotation, as CSV does not say which code a point belongs to; in the other
direction the codes of an image are joined, and keypoints without a class are left out.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cellmark.data.annotations import Visibility, cells_of
from cellmark.data.coco import ANNOTATIONS, OnDecoded
from cellmark.data.image_files import decode_images, find_images
from cellmark.data.images import list_images
from cellmark.data.index import Picture
from cellmark.data.json_entries import printable
from cellmark.data.prepare.coco_input import read_coco
from cellmark.data.prepare.convert.class_values import v_of_classes
from cellmark.data.prepare.convert.converted import Converted, labelled
from cellmark.data.prepare.convert.csv_points import CsvPoints, Point, csv_text, read_points
from cellmark.data.prepare.convert.grid_files import plain
from cellmark.data.prepare.unchanged import unchanged
from cellmark.data.records import CocoFile, Problem

TABLE = "annotations.csv"


def csv_to_coco(
    table: Path, visibility_to_class: Visibility, classes: Sequence[str], on_decoded: OnDecoded | None = None
) -> Converted:
    """Reads a CSV file of points beside its images, see `cellmark.data.prepare.convert.csv_points`.

    Args:
        table: the CSV file.
        visibility_to_class: v -> class index, or None; decides the v that are written.
        classes: names of the classes.
        on_decoded: told after every decoded image.

    Returns:
        The images without any problem, in the order in which the file names them, and every problem.

    Raises:
        CellmarkError: the file cannot be read as CSV to its end, its header lacks a column, somebody has changed it
            meanwhile, or the classes cannot be written.
    """
    values = v_of_classes(visibility_to_class, classes)
    with unchanged(table):
        found = read_points(table, classes)
    by_file: dict[str, list[Point]] = {}
    for point in found.points:
        by_file.setdefault(point.file, []).append(point)
    sizes = _sizes(found, by_file, on_decoded)
    coco, pictures, cells = CocoFile(), {}, 0
    for file, points in by_file.items():
        if file in sizes:
            _check_inside(found, points, sizes[file])
        if file in found.spoiled:
            continue
        coco.add_image(file, *sizes[file], [])
        keypoints = np.array([(point.x, point.y, values[point.label]) for point in points])
        entry = {"id": len(coco.images), "image_id": len(coco.images)}
        coco.annotations.append(labelled(entry, keypoints, None))
        pictures[file] = table.parent / file
        cells += len(points)
    named = len(by_file.keys() | (found.spoiled - {""}))
    counts = {"images": len(pictures), "cells": cells, "images left out": named - len(pictures)}
    return Converted(table.parent, ANNOTATIONS, coco.to_dict(), pictures, found.problems, counts, _notes(found))


def coco_to_csv(
    coco: Path, visibility_to_class: Visibility, classes: Sequence[str], on_decoded: OnDecoded | None = None
) -> Converted:
    """Turns a COCO file beside its images into a CSV file of points.

    Args:
        coco: the COCO file.
        visibility_to_class: v -> class index, or None.
        classes: names of the classes.
        on_decoded: told after every decoded image.

    Returns:
        The images without any problem, in the order of the COCO file, and every problem.

    Raises:
        CellmarkError: somebody has changed the file meanwhile.
    """
    source = read_coco(coco, visibility_to_class, on_decoded)
    rows: list[tuple[str, float, float, str]] = []
    pictures, problems, skipped, bare = {}, [*source.problems], 0, 0
    for name, record in source.records.items():
        points, labels = cells_of(record, visibility_to_class)
        known = labels >= 0
        if reason := _against_name(name):
            problems.append(Problem(coco, f"image {record.id} ({printable(name)[:200]})", reason, record.id))
            continue
        pictures[name] = record.path
        skipped += int((~known).sum())
        bare += not known.any()
        for (x, y), label in zip(points[known].tolist(), labels[known].tolist(), strict=True):
            rows.append((name, x, y, classes[label]))
    counts = {
        "images": len(pictures),
        "cells": len(rows),
        "not labelled": skipped,
        "images left out": source.total - len(pictures),
    }
    notes = [f"images without a cell are copied, but no row of {TABLE} names them: {bare}"] if bare else []
    return Converted(source.folder.path, TABLE, csv_text(rows), pictures, problems, counts, notes)


def _sizes(
    found: CsvPoints, by_file: Mapping[str, Sequence[Point]], on_decoded: OnDecoded | None
) -> dict[str, tuple[int, int]]:
    """Width and height of every image that decodes; what is wrong with the files is noted."""
    folder = found.path.parent
    pictures = [Picture(found.record(points[0].line, file), None, file, None, None) for file, points in by_file.items()]
    images = find_images(folder, found.path, pictures)
    decode_images(images, {}, on_decoded and partial(on_decoded, folder.name))
    sizes = {}
    for file, image in zip(by_file, images, strict=True):
        found.problems += image.problems
        if image.reasons:
            found.spoiled.add(file)
        if image.decoded is not None:
            sizes[file] = (image.decoded.width, image.decoded.height)
    return sizes


def _check_inside(found: CsvPoints, points: Sequence[Point], size: tuple[int, int]) -> None:
    """An image covers -0.5 to size - 0.5."""
    width, height = size
    for point in points:
        if not (-0.5 <= point.x <= width - 0.5 and -0.5 <= point.y <= height - 0.5):
            place = f"({point.x:g}, {point.y:g})"
            found.note(point.line, point.file, f"{place} is outside the image of {width} x {height} pixels")


def _notes(found: CsvPoints) -> list[str]:
    """What of the input is not used, though nothing is wrong with it."""
    folder = found.path.parent
    named = {plain(point.file) for point in found.points} | {plain(file) for file in found.spoiled}
    others = [path.name for path in list_images(folder) if path.name not in named]
    notes = [f"column {printable(name)!r} is not read" for name in found.ignored]
    if others:
        why = "nothing tells whether they hold cells"
        notes.append(f"images of {folder} that {found.path.name} does not name are left out, as {why}: {len(others)}")
    return notes


def _against_name(name: str) -> str | None:
    """Why CSV cannot say what an image is called."""
    try:
        name.encode()
    except UnicodeEncodeError as error:
        return f"file_name cannot be written as UTF-8, which CSV needs: {error.reason} at character {error.start}"
    return None
