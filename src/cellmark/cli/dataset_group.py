"""``cellmark dataset_group``: one folder of images with its COCO file -> folders of images that look alike."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from omegaconf import DictConfig
from rich.text import Text

from cellmark.cli.printing import print_wide, problem_table
from cellmark.data.coco import read_folder, resolve_visibility
from cellmark.data.images import read_image
from cellmark.data.json_entries import printable
from cellmark.data.prepare.convert.converted import write_problems
from cellmark.data.prepare.convert.sources import (
    Values,
    by_id,
    coco_file,
    content_of,
    folder_of,
    objects,
)
from cellmark.data.prepare.group import LARGEST_SEED, Group, group_images, write_groups
from cellmark.data.records import ImageRecord, Problem
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, refuse_overlap, write_image
from cellmark.progress import Update, progress_bar
from cellmark.viz.sheet import contact_sheet, letterbox

Item = TypeVar("Item")

TILE, COLUMNS = 176, 8  # of a sheet
MOST = 96  # images on the sheet of a group, chosen evenly by name


def run(*, input: str, output_dir: str, k: int, seed: int, link: bool, data: DictConfig, mode: DictConfig) -> int:
    """Writes ``group_1`` and so on, dark to bright, with a contact sheet beside each, and an overview.

    Args:
        input: a folder of images with ``annotations.json``, or the COCO file beside its images; only read.
        output_dir: new folder.
        k: number of groups.
        seed: of K-Means.
        link: make hard links to the images instead of copies.
        data: ``visibility_to_class``, v -> class name or null, and ``on_error``, "raise" or "skip".
        mode: ``classes``, the names of the classes.

    Returns:
        The exit status 0; a problem of the input is an error unless it is to be skipped.
    """
    if type(k) is not int or k < 1:
        raise CellmarkError(f"k={k}: a whole number from 1 up is needed")
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise CellmarkError(f"seed={seed}: a whole number from 0 to {LARGEST_SEED} is needed")
    if type(link) is not bool:
        raise CellmarkError(f"link={link}: true or false is needed")
    source, target = Path(input), Path(output_dir)
    folder = folder_of(source)
    refuse_overlap(folder, target)
    content, records, problems = _read(coco_file(source), data, mode)
    with new_folder(target) as root, progress_bar() as update:
        groups = group_images(records, k, seed, update)
        write_groups(groups, content, root, update, link=link)
        write_problems(problems, folder, root)
        _write_sheets(groups, root, update)
    sizes = ", ".join(f"{group.name} {len(group.records)}" for group in groups)
    left = sum(1 for _ in objects(content, "images")) - len(records)
    line = f"{printable(str(target))}: {len(records)} images: {sizes}; {left or 'no'} images left out"
    print_wide(Text(line, "bold red" if problems else "bold green"))
    return 0


def _read(coco: Path, data: DictConfig, mode: DictConfig) -> tuple[Values, dict[str, ImageRecord], list[Problem]]:
    """Content of the COCO file, its sound images by file name, and all problems, which are printed."""
    if data.on_error not in ("raise", "skip"):
        raise CellmarkError(f"data.on_error is {data.on_error!r}, not 'raise' or 'skip'")
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    with progress_bar() as update:
        folder, problems = read_folder(
            coco.parent,
            visibility,
            annotations=coco.name,
            on_decoded=lambda name, done, total: update(f"checking {name}", done, total),
        )
    if problems:
        print_wide(problem_table(coco.parent, problems))
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the data, listed above"
        if data.on_error == "raise":
            raise CellmarkError(f"{coco}: {count}; repair them, or leave these images out with data.on_error=skip")
    content = content_of(coco)
    if not folder.images:
        raise CellmarkError(f"{coco}: no sound image to put into a group")
    entries = by_id(content, "images")
    return content, {entries[record.id]["file_name"]: record for record in folder.images}, problems


def _write_sheets(groups: Sequence[Group], root: Path, update: Update) -> None:
    """A sheet of each group, and an overview with a row of each; beside the folders, which hold only data."""
    tiles: list[np.ndarray] = []
    captions: list[str] = []
    for done, group in enumerate(groups, start=1):
        names = _evenly(list(group.records), MOST)
        shown = _tiles([group.records[name].path for name in names])
        count = f"{len(names)} of {len(group.records)}" if len(names) < len(group.records) else str(len(names))
        title = f"{group.name}: {count} image{'' if len(group.records) == 1 else 's'}"
        write_image(root / f"{group.name}.png", contact_sheet(shown, COLUMNS, TILE, names, title))
        row = _evenly(list(range(len(names))), COLUMNS)
        blank = [np.full((TILE, TILE, 3), 255, np.uint8)] * (COLUMNS - len(row))
        tiles += [*(shown[place] for place in row), *blank]
        captions += [f"{group.name}: {len(group.records)}", *[""] * (COLUMNS - 1)]
        update("drawing sheets", done, len(groups))
    write_image(root / "overview.png", contact_sheet(tiles, COLUMNS, TILE, captions))


def _tiles(paths: Sequence[Path]) -> list[np.ndarray]:
    """The images, each uint8 (TILE, TILE, 3)."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: letterbox(read_image(path), TILE), paths))


def _evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most ``most`` items, evenly spaced from the first to the last."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in places.tolist()]
