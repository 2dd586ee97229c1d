"""Folders as they are before conversion: positions in one COCO file, grids in another, or a CSV file of points."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.files import write_image, write_json
from tests.conftest import CELLS, plain_code

Json = dict[str, Any]
IMAGES, SIZE = 4, 64


def drawn(index: int) -> tuple[np.ndarray, np.ndarray]:
    """An image, and float64 (100, 3) x, y and v, 2 for black and 1 for white, row by row from the top left."""
    image, code = plain_code(np.random.default_rng(100 + index), SIZE)
    return image, code.keypoints


def raw_folder(path: Path, images: int = IMAGES) -> Path:
    """Images with one code each, whose order is turned and whose colours are inverted in different ways.

    Image ids are 1, 2, ... in the positions and 101, 102, ... in the grids, annotation ids 11, 12, ... in both.
    """
    positions, grids = empty(), empty()
    positions["site"] = "line 4"
    for index in range(images):
        image, keypoints = drawn(index)
        write_image(path / f"{index}.png", image)
        square = np.rot90(keypoints.reshape(CELLS, CELLS, 3), index)
        add_image(positions, index + 1, f"{index}.png", camera="left")
        add_image(grids, index + 101, f"{index}.png")
        places = square.copy()
        places[..., 2] = 2
        add_code(positions, index + 11, index + 1, keypoints=places.ravel().tolist(), grade=index, bbox=[0, 0, 9, 9])
        grid = ((square[..., 2] == 2) != bool(index % 2)).astype(int).tolist()
        key = {"datamatrix.binary_grid": grid} if index == 2 else {"datamatrix": {"binary_grid": grid, "kind": "x"}}
        add_code(grids, index + 11, index + 101, **key)
    write_json(path / "positions.json", positions)
    write_json(path / "grids.json", grids)
    return path


def empty() -> Json:
    return {"categories": [{"id": 1, "name": "datamatrix"}], "images": [], "annotations": []}


def add_image(content: Json, image_id: int, name: str, **keys: Any) -> None:
    content["images"].append({"id": image_id, "file_name": name, "width": SIZE, "height": SIZE, **keys})


def add_code(content: Json, code_id: int, image_id: int, **keys: Any) -> None:
    content["annotations"].append({"id": code_id, "image_id": image_id, "category_id": 1, **keys})


def change(path: Path, edit: Callable[[Json], Any]) -> None:
    """Edits a JSON file."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def csv_folder(path: Path, images: int = 3) -> Path:
    """Images with a file of their points, four each."""
    lines = ["file,x,y,class"]
    for index in range(images):
        image, keypoints = drawn(index)
        write_image(path / f"{index}.png", image)
        for x, y, v in keypoints[:4].tolist():
            lines.append(f"{index}.png,{x!r},{y!r},{'black' if v == 2 else 'white'}")
    (path / "points.csv").write_text("\n".join(lines) + "\n")
    return path
