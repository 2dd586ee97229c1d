"""Between CSV files of points and COCO.

All points of an image file become one annotation, as CSV does not say which code a point belongs to; in the other
direction the codes of an image are joined, and keypoints without a class are left out.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cellmark.data.annotations import Visibility, classes_of
from cellmark.data.coco import ANNOTATIONS, OnDecoded, read_folder
from cellmark.data.file_names import absent, leaves, unsafe
from cellmark.data.images import list_images, read_image
from cellmark.data.json_entries import printable, shown
from cellmark.data.prepare.convert.class_values import v_of_classes
from cellmark.data.prepare.convert.converted import Converted, labelled
from cellmark.data.prepare.convert.csv_points import CsvPoints, Point, csv_text, read_points
from cellmark.data.prepare.convert.grid_files import plain
from cellmark.data.prepare.convert.sources import by_id, content_of, objects
from cellmark.data.records import CocoFile, ImageRecord, Problem
from cellmark.errors import CellmarkError

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
        CellmarkError: the file cannot be read as CSV to its end, or its header lacks a column.
    """
    values = v_of_classes(visibility_to_class, classes)
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
    """
    folder, problems = read_folder(coco.parent, visibility_to_class, annotations=coco.name, on_decoded=on_decoded)
    content = content_of(coco)
    entries = by_id(content, "images")
    names = {record.id: str(entries[record.id]["file_name"]) for record in folder.images}
    rows: list[tuple[str, float, float, str]] = []
    pictures, skipped = {}, 0
    for record in folder.images:
        points, labels = _points(record, visibility_to_class)
        known = labels >= 0
        if twice := _twice(points[known]):
            problems.append(Problem(coco, f"image {record.id} ({names[record.id]})", twice))
            continue
        pictures[names[record.id]] = record.path
        skipped += int((~known).sum())
        for (x, y), label in zip(points[known].tolist(), labels[known].tolist(), strict=True):
            rows.append((names[record.id], x, y, classes[label]))
    counts = {
        "images": len(pictures),
        "cells": len(rows),
        "not labelled": skipped,
        "images left out": sum(1 for _ in objects(content, "images")) - len(pictures),
    }
    return Converted(folder.path, TABLE, csv_text(rows), pictures, problems, counts)


def _sizes(
    found: CsvPoints, by_file: Mapping[str, Sequence[Point]], on_decoded: OnDecoded | None
) -> dict[str, tuple[int, int]]:
    """Width and height of every image that is there, complete, and named once; the others are noted."""
    folder, paths = found.path.parent, {}
    names: dict[Path, str] = {}
    for file, points in by_file.items():
        line, path = points[0].line, folder / file
        if reason := unsafe(file) or leaves(folder, path):
            found.note(line, file, f"file {reason}")
        elif reason := absent(path):
            found.note(line, file, reason)
        elif (other := names.setdefault(path.resolve(), file)) != file:
            found.note(line, file, f"is the same file as {shown(other)} on line {by_file[other][0].line}")
            found.spoiled.add(other)
        else:
            paths[file] = path
    sizes = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        answers = zip(paths, pool.map(_size, paths.values()), strict=True)
        for done, (file, answer) in enumerate(answers, start=1):
            if isinstance(answer, str):
                found.note(by_file[file][0].line, file, answer)
            else:
                sizes[file] = answer
            if on_decoded is not None:
                on_decoded(folder.name, done, len(paths))
    return sizes


def _size(path: Path) -> tuple[int, int] | str:
    """Width and height of an image, or the reason why it is none."""
    try:
        height, width = read_image(path).shape[:2]
    except CellmarkError as error:
        return str(error).removeprefix(f"{path}: ")
    return width, height


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


def _points(record: ImageRecord, visibility_to_class: Visibility) -> tuple[np.ndarray, np.ndarray]:
    """float64 (N, 2) places and int64 (N,) classes, -1 for not labelled, of all codes of an image."""
    points = [np.empty((0, 2)), *(code.keypoints[:, :2] for code in record.codes)]
    labels = [np.empty(0, np.int64), *(classes_of(code, visibility_to_class) for code in record.codes)]
    return np.concatenate(points), np.concatenate(labels)


def _twice(points: np.ndarray) -> str | None:
    """Why points (N, 2) cannot be told apart in a CSV file."""
    counts = Counter(map(tuple, points.tolist()))
    again = [place for place, count in counts.items() if count > 1]
    if not again:
        return None
    (x, y), more = again[0], len(again) - 1
    return f"several cells at ({x:g}, {y:g})" + (f" and {more} other places" if more else "") + ": CSV needs one each"
