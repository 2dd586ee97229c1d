"""Converting in tests."""

from pathlib import Path
from typing import Any

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.prepare.convert.converted import Converted, write_converted
from cellmark.data.prepare.convert.csv_convert import csv_to_coco
from cellmark.data.prepare.convert.grid_convert import convert_grids
from cellmark.files import new_folder
from tests.data.prepare.convert.raw import Json

MEANING = resolve_visibility(VISIBILITY, CLASSES)
WIDTH, HEIGHT = 24, 16


def convert(folder: Path, meaning=MEANING, classes=CLASSES) -> Converted:
    return convert_grids(folder / "positions.json", folder / "grids.json", meaning, classes)


def written(converted: Converted, target: Path, **options: Any) -> Path:
    with new_folder(target) as root:
        write_converted(converted, root, lambda *_: None, **options)
    return target


def codes(converted: Converted) -> dict[int, Json]:
    assert isinstance(converted.content, dict)
    return {entry["id"]: entry for entry in converted.content["annotations"]}


def write(converted: Converted, target: Path) -> Path:
    target.mkdir()
    write_converted(converted, target, lambda *_: None)
    return target


def to_coco(folder: Path, meaning=MEANING, classes=CLASSES, name="points.csv") -> Converted:
    return csv_to_coco(folder / name, meaning, classes)
