"""``cellmark dataset_group``: one folder of images with its COCO file -> folders of images that look alike."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.text import Text

from cellmark.cli.checks import flag, whole
from cellmark.cli.printing import counted, print_wide, problem_table
from cellmark.data.annotations import resolve_visibility
from cellmark.data.json_entries import printable
from cellmark.data.prepare.coco_input import CocoInput, coco_file, folder_of, read_coco
from cellmark.data.prepare.families import variants_of
from cellmark.data.prepare.group import LARGEST_SEED, Group, each_image, group_images, write_groups
from cellmark.data.prepare.output import write_problems
from cellmark.data.selection import evenly
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, refuse_overlap, write_image
from cellmark.progress import Update, progress_bar
from cellmark.viz.groups import MOST, Shown, group_sheet, overview_sheet, tile


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
    whole("k", k, 1)
    whole("seed", seed, 0, LARGEST_SEED)
    flag("link", link)
    source, target = Path(input), Path(output_dir)
    refuse_overlap(folder_of(source), target)
    found = _read(coco_file(source), data, mode)
    variants = variants_of(found)
    with new_folder(target) as root, progress_bar() as update:
        groups = group_images(found.records, k, seed, update, variants)
        write_groups(groups, found.content, root, update, link=link)
        write_problems(found.problems, found.folder.path, root)
        _write_sheets(groups, root, update)
    sizes = ", ".join(f"{group.name} {len(group.records)}" for group in groups)
    images = counted(len(found.records), "image") + (f", {len(variants)} of them variants" if variants else "")
    left = counted(len(found.folder.left_out), "image")
    line = f"{printable(str(target))}: {images}: {sizes}; {left} left out"
    print_wide(Text(line, "bold red" if found.problems else "bold green"))
    return 0


def _read(coco: Path, data: DictConfig, mode: DictConfig) -> CocoInput:
    """The COCO file, with at least one sound image; all problems are printed."""
    if data.on_error not in ("raise", "skip"):
        raise CellmarkError(f"data.on_error is {data.on_error!r}, not 'raise' or 'skip'")
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    with progress_bar() as update:
        found = read_coco(coco, visibility, lambda name, done, total: update(f"checking {name}", done, total))
    if found.problems:
        print_wide(problem_table(coco.parent, found.problems))
        count = f"{counted(len(found.problems), 'problem')} in the data, listed above"
        if data.on_error == "raise":
            raise CellmarkError(f"{coco}: {count}; repair them, or leave these images out with data.on_error=skip")
    if not found.records:
        raise CellmarkError(f"{coco}: no sound image to put into a group")
    return found


def _write_sheets(groups: Sequence[Group], root: Path, update: Update) -> None:
    """A sheet of each group, and an overview with a row of each; beside the folders, which hold only data."""
    every = []
    for done, group in enumerate(groups, start=1):
        names = evenly(list(group.records), MOST)
        tiles = list(each_image([group.records[name].path for name in names], tile))
        every.append(Shown(group.name, names, tiles, len(group.records)))
        write_image(root / f"{group.name}.png", group_sheet(every[-1]))
        update("drawing sheets", done, len(groups))
    write_image(root / "overview.png", overview_sheet(every))
