"""``cellmark dataset_convert``: grids of cells or a CSV file to COCO keypoints, or COCO to CSV."""

from pathlib import Path

from omegaconf import DictConfig
from rich.text import Text

from cellmark.cli.checks import flag
from cellmark.cli.printing import counted, print_line, print_wide, problem_table
from cellmark.data.coco import OnDecoded, resolve_visibility
from cellmark.data.json_entries import printable
from cellmark.data.prepare.coco_input import coco_file, folder_of
from cellmark.data.prepare.convert.converted import Converted, write_converted
from cellmark.data.prepare.convert.csv_convert import coco_to_csv, csv_to_coco
from cellmark.data.prepare.convert.grid_convert import convert_grids
from cellmark.data.prepare.convert.sources import csv_file, grid_files, is_csv, is_csv_file
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, refuse_overlap
from cellmark.progress import progress_bar


def run(
    *, input: str, output_dir: str, to: str, grids: str | None, link: bool, data: DictConfig, mode: DictConfig
) -> int:
    """Writes a new folder with the images that have no problem, and prints the problems of the others.

    Args:
        input: a COCO file with the positions of cells, a CSV file of points, or the folder of either.
        output_dir: new folder; the input is only read.
        to: "coco" or "csv".
        grids: the file with the grids, None to find it beside the positions.
        link: make hard links to the images instead of copies.
        data: ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.

    Returns:
        The exit status: 1 if there is any problem, else 0.
    """
    if to not in ("coco", "csv"):
        raise CellmarkError(f"to={to}: not one of coco, csv")
    flag("link", link)
    source, target = Path(input), Path(output_dir)
    refuse_overlap(folder_of(source), target)
    where = None if grids is None else Path(str(grids))
    with progress_bar() as update:
        converted = _convert(
            source, to, where, data, mode, lambda folder, done, total: update(f"reading {folder}", done, total)
        )
    _tell_what_is_wrong(converted)
    with new_folder(target) as root, progress_bar() as update:
        write_converted(converted, root, update, link=link)
    told = ", ".join(f"{number} {name}" for name, number in converted.counts.items())
    line = f"{printable(str(target))}: {told}; {counted(len(converted.problems), 'problem')}"
    print_wide(Text(line, "bold red" if converted.problems else "bold green"))
    return 1 if converted.problems else 0


def _convert(
    source: Path, to: str, grids: Path | None, data: DictConfig, mode: DictConfig, on_decoded: OnDecoded
) -> Converted:
    visibility, classes = resolve_visibility(data.visibility_to_class, mode.classes), list(mode.classes)
    table = is_csv(source) if to == "coco" else is_csv_file(source)
    if grids is not None and (table or to == "csv"):
        raise CellmarkError(f"grids={grids}: only for positions in a COCO file, to be converted to=coco")
    if to == "csv":
        if table:
            raise CellmarkError(f"input={source}: is CSV already; to=csv is for COCO")
        return coco_to_csv(coco_file(source), visibility, classes, on_decoded)
    if table:
        return csv_to_coco(csv_file(source), visibility, classes, on_decoded)
    return convert_grids(*grid_files(source, grids), visibility, classes, on_decoded)


def _tell_what_is_wrong(converted: Converted) -> None:
    """Prints problems and notes; an error where nothing is left to write."""
    if converted.problems:
        print_wide(problem_table(converted.folder, converted.problems))
    for note in converted.notes:
        print_line(f"note: {note}")
    if not converted.counts["cells"]:
        why = f"{counted(len(converted.problems), 'problem')}, listed above" if converted.problems else "it holds none"
        raise CellmarkError(f"{converted.folder}: no sound image with a cell, so nothing is written: {why}")
