"""Which grid belongs to which annotation of the file with the positions.

Images are the same where their file names are, as ids may differ between the files. Within an image annotations are
paired by their ids where both files have the same ones, else the only one with the only one, else not at all.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cellmark.data.json_entries import Entry, listed, shown
from cellmark.data.prepare.coco_input import Values, objects
from cellmark.data.prepare.convert.grid_files import GridFile, GridRecord, plain
from cellmark.data.records import Problem


def pair(positions: Path, content: Values, grids: GridFile) -> tuple[dict[int, GridRecord], list[Problem]]:
    """Pairs annotations and grids, also those of images that have other problems.

    Args:
        positions: the file with the positions, for messages.
        content: of that file, sound or not.
        grids: the file with the grids; a grid without such a partner is noted there.

    Returns:
        id of an annotation -> its grid, of the same size; and every annotation without such a partner.
    """
    names = {image["id"]: plain(image["file_name"]) for image in _images(content)}
    by_name: dict[str, list[Entry]] = {name: [] for name in names.values()}
    problems: list[Problem] = []
    for values in objects(content, "annotations"):
        name = names.get(values["image_id"]) if type(values.get("image_id")) is int else None
        if name is not None and type(values.get("id")) is int:
            by_name[name].append(Entry(positions, f"annotation {values['id']}", values, problems))
    pairs: dict[int, GridRecord] = {}
    for name in {**by_name, **grids.by_name}:
        entries, records = by_name.get(name, []), grids.by_name.get(name, [])
        partners = _partners([entry.values["id"] for entry in entries], records)
        if not partners:
            _note_lonely(name, entries, records, grids, known=name in by_name)
        for entry in entries if partners else ():
            record = partners[entry.values["id"]]
            if (reason := _misfit(entry, record)) is None:
                pairs[entry.values["id"]] = record
            else:
                record.entry.note(reason)
    return pairs, problems


def _partners(ids: Sequence[int], records: Sequence[GridRecord]) -> dict[int, GridRecord]:
    """For all annotations of an image, or for none."""
    by_id = {record.id: record for record in records if record.id is not None}
    if len(by_id) == len(records) == len(ids) and set(by_id) == set(ids):
        return {one: by_id[one] for one in ids}
    return {ids[0]: records[0]} if len(ids) == len(records) == 1 else {}


def _note_lonely(
    name: str,
    entries: Sequence[Entry],
    records: Sequence[GridRecord],
    grids: GridFile,
    *,
    known: bool,
) -> None:
    ids = [entry.values["id"] for entry in entries]
    grid_ids = [record.id for record in records if record.id is not None]
    there = f"the grids of {name} are {listed(grid_ids)}" if records else f"{name} has none"
    for entry in entries:
        if entry.values["id"] not in grid_ids:
            entry.note(f"no grid: in {grids.path.name} {there}")
    place = f"the positions of {name} are {listed(ids)}" if ids else f"{name} has none"
    for record in records:
        if record.id is not None and record.id not in ids:
            where = place if known else f"{name} is not in images"
            record.entry.note(f"a grid without positions: {where}")


def _misfit(entry: Entry, record: GridRecord) -> str | None:
    """Why a grid is not one of these keypoints: it has as many cells, in rows and columns where those are stated."""
    keypoints, grid = entry.values.get("keypoints"), record.grid
    if grid is None or not isinstance(keypoints, list) or len(keypoints) % 3:
        return None  # noted where they were read
    rows, cols = grid.shape
    stated = (entry.values.get("rows"), entry.values.get("cols"))
    if grid.size != len(keypoints) // 3:
        reason = f"there are {len(keypoints) // 3} keypoints"
    elif None not in stated and stated != (rows, cols):
        reason = f"rows x cols is {shown(stated[0])} x {shown(stated[1])}"
    else:
        return None
    return f"the grid has {rows} x {cols} = {grid.size} cells, but {reason} in {entry.record} of {entry.file.name}"


def _images(content: Values) -> Iterator[Values]:
    for image in objects(content, "images"):
        if type(image.get("id")) is int and isinstance(image.get("file_name"), str):
            yield image
