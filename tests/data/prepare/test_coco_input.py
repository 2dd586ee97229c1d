"""The COCO file that a verb starts from: found, and read so that its parts belong together."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.coco import read_folder
from cellmark.data.prepare.coco_input import coco_file, content_of, folder_of, read_coco
from cellmark.errors import CellmarkError
from tests.data.broken import edit, sound_folder

MEANING = resolve_visibility(VISIBILITY, CLASSES)


@pytest.fixture
def folder(tmp_path) -> Path:
    return sound_folder(tmp_path / "in")


def test_the_coco_file_of_a_folder(folder):
    assert coco_file(folder) == folder / "annotations.json" and folder_of(folder) == folder
    (folder / "other.json").touch()
    assert coco_file(folder / "other.json") == folder / "other.json" and folder_of(folder / "other.json") == folder
    with pytest.raises(CellmarkError, match="nothing: no such file or folder"):
        coco_file(folder / "nothing")


def test_what_is_sound_and_everything_else(folder):
    (folder / "1.png").write_bytes(b"")
    edit(folder, lambda c: (c.update(site="line 4"), c["images"][3].update(file_name="./3.png", id=70)))
    edit(folder, lambda c: c["annotations"][3].update(image_id=70))
    told: list[int] = []
    found = read_coco(folder / "annotations.json", MEANING, lambda name, done, total: told.append(done))
    assert {name: record.id for name, record in found.records.items()} == {"0.png": 1, "2.png": 3, "./3.png": 70}
    assert [problem.record for problem in found.problems] == ["image 2 (1.png)"]
    assert (found.total, found.content["site"], told) == (4, "line 4", [1, 2, 3, 4])
    assert found.images[70]["file_name"] == "./3.png" and set(found.images) == {1, 2, 3, 70}


def swap_names(content: dict[str, Any]) -> None:
    """Images of one size, so that every id is still there and every picture still fits."""
    first, second = content["images"][:2]
    first["file_name"], second["file_name"] = second["file_name"], first["file_name"]


def shift_ids(content: dict[str, Any]) -> None:
    for entry in content["images"]:
        entry["id"] += 100


@pytest.mark.parametrize("change", [swap_names, shift_ids])
def test_a_file_that_changes_while_it_is_read_is_refused(folder, monkeypatch, change):
    def read(path: Path, *rest: Any, **options: Any) -> Any:
        found = read_folder(path, *rest, **options)
        edit(path, change)
        return found

    monkeypatch.setattr("cellmark.data.prepare.coco_input.read_folder", read)
    with pytest.raises(CellmarkError, match=r"annotations\.json: was changed while it was read; start again"):
        read_coco(folder / "annotations.json", MEANING)
    monkeypatch.setattr("cellmark.data.prepare.coco_input.read_folder", read_folder)
    assert len(read_coco(folder / "annotations.json", MEANING).images) == 4


def test_no_file_outside_of_the_folder_is_opened_and_no_pipe(folder, tmp_path):
    assert len(content_of(folder / "annotations.json")["images"]) == 4
    shutil.move(folder / "annotations.json", tmp_path / "outside.json")
    (folder / "annotations.json").symlink_to(tmp_path / "outside.json")
    os.mkfifo(folder / "pipe.json")
    assert all(content_of(folder / name) == {} for name in ("annotations.json", "pipe.json", "none.json"))
    found = read_coco(folder / "annotations.json", MEANING)
    assert not found.records and not found.content and found.problems
