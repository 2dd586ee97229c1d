"""Which files a conversion starts from, found by looking into them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cellmark.data.json_entries import load_object
from cellmark.data.prepare.coco_input import Values, folder_of, objects
from cellmark.data.prepare.convert.grids import GRID, has_grid
from cellmark.errors import CellmarkError


def is_csv_file(source: Path) -> bool:
    """Whether ``source`` is a CSV file; a folder may have such a name, too."""
    return folder_of(source) != source and source.suffix.lower() == ".csv"


def is_csv(source: Path) -> bool:
    """Whether ``source`` is a CSV file or a folder with CSV and no JSON files.

    Raises:
        CellmarkError: it is a folder with both or neither, or a file of another kind.
    """
    if folder_of(source) != source:
        if source.suffix.lower() not in (".csv", ".json"):
            raise CellmarkError(f"input={source}: neither a .json nor a .csv file")
        return is_csv_file(source)
    tables, others = _files(source, ".csv"), _files(source, ".json")
    if bool(tables) == bool(others):
        found = f"holds {_names([*others, *tables])}" if tables else "holds no .json and no .csv file"
        raise CellmarkError(f"{source}: {found}; name the file to convert with input=FILE")
    return bool(tables)


def csv_file(source: Path) -> Path:
    """The CSV file that ``source`` names: itself, or the only one in it.

    Raises:
        CellmarkError: there are several.
    """
    if folder_of(source) != source:
        return source
    return _only(source, _files(source, ".csv"), "CSV file", "input")


def grid_files(source: Path, grids: Path | None) -> tuple[Path, Path]:
    """The COCO file with the positions and the one with the grids.

    Args:
        source: the file with the positions, or the folder that holds it.
        grids: the file with the grids, None to find it in the same folder. One file may serve as both.

    Raises:
        CellmarkError: not exactly one file of the folder comes into question.
    """
    folder = folder_of(source)
    if grids is not None and not grids.is_file():
        raise CellmarkError(f"grids={grids}: no such file")
    if folder != source and grids is not None:
        return source, grids
    found = {file: _annotations(file) for file in _files(folder, ".json")}
    if grids is None:
        grids = _only(folder, _carrying(found, has_grid), f"JSON file whose annotations carry {GRID}", "grids")
    if folder != source:
        return source, grids
    placed = _carrying(found, _has_keypoints)
    others = [file for file in placed if file != grids]  # the file with the grids may repeat the keypoints
    return _only(folder, others or placed, "JSON file whose annotations have keypoints", "input"), grids


def _files(folder: Path, suffix: str) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == suffix and not path.name.startswith(".") and path.is_file()
    )


def _annotations(file: Path) -> list[Values]:
    """What a JSON file has under ``annotations``: nothing in a file of another kind."""
    content, reason = load_object(file)
    if reason is not None and not reason.startswith("the top level is"):
        raise CellmarkError(
            f"{file}: {reason}; nothing tells whether it is one of those to convert: name them with input=FILE "
            "grids=FILE"
        )
    return list(objects(content, "annotations"))


def _has_keypoints(values: Values) -> bool:
    return bool(values.get("keypoints"))


def _carrying(found: Mapping[Path, list[Values]], what: Callable[[Values], bool]) -> list[Path]:
    return [file for file, annotations in found.items() if any(map(what, annotations))]


def _only(folder: Path, files: Sequence[Path], what: str, key: str) -> Path:
    if len(files) == 1:
        return files[0]
    found = f"several files come into question as the {what}: {_names(files)}" if files else f"holds no {what}"
    raise CellmarkError(f"{folder}: {found}; name it with {key}=FILE")


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)
