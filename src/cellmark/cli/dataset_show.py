"""``cellmark dataset_show``: what a data set holds, as contact sheets, statistics and one HTML page."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

import cellmark
from cellmark.cli.checks import whole
from cellmark.cli.printing import counted, print_line
from cellmark.data.annotations import Visibility, cells_of, resolve_visibility
from cellmark.data.augment import Augment
from cellmark.data.batch import MIN_ROWS
from cellmark.data.check import MOST_LISTED, check
from cellmark.data.findings import find
from cellmark.data.images import read_image
from cellmark.data.json_entries import printable
from cellmark.data.measure import collect
from cellmark.data.records import Folder
from cellmark.data.selection import evenly
from cellmark.data.survey import Survey
from cellmark.data.versions import versions
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, refuse_overlap, write_bytes, write_image, write_json
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.progress import Update, progress_bar
from cellmark.viz.annotated import OVERVIEW_IMAGES, Annotated, overview_gallery
from cellmark.viz.folder_sheets import AUGMENTED, CELLS, TARGETS, folder_galleries
from cellmark.viz.gallery import Gallery
from cellmark.viz.page import Page, render
from cellmark.viz.page_gallery import render_gallery
from cellmark.viz.statistics import draw_statistics

FED_IMAGES = 3  # of each folder, whose targets and augmented versions are drawn
OVERVIEW, CHARTS, NUMBERS, PAGE = "overview.png", "statistics.png", "statistics.json", "index.html"
LONGEST_NAME = 255  # bytes of a file's name on all usual file systems

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Show:
    """What of each folder is shown.

    Attributes:
        visibility: v -> class index, or None.
        classes: names of the classes.
        images: how many are drawn with their cells.
        augment: of what the network is fed; one without transforms is not previewed.
        codec: renders the targets.
        size: height and width of the network's input in pixels.
        stride: input pixels per heatmap pixel.
        seed: of the augmentation.
    """

    visibility: Visibility
    classes: tuple[str, ...]
    images: int
    augment: Augment
    codec: GaussianCodec
    size: tuple[int, int]
    stride: int
    seed: int

    def annotated(self, folder: Folder, most: int) -> Iterator[Annotated]:
        """Some images of a folder with their cells, each read when it is asked for."""
        for record in evenly(folder.images, most):
            yield Annotated(record.path.name, read_image(record.path), *cells_of(record, self.visibility))

    def galleries(self, folder: Folder, number: int) -> dict[str, Gallery]:
        """The sheets of the folder of this number, by kind."""
        rows = versions(folder, self.augment, self.size, self.visibility, (self.seed, number), FED_IMAGES)
        images, total = self.annotated(folder, self.images), len(folder.images)
        return folder_galleries(folder.name, images, total, rows, self.codec, self.stride, self.classes)


def run(
    *,
    data: DictConfig,
    mode: DictConfig,
    output_dir: str,
    images: int,
    augment: DictConfig,
    size: Sequence[int],
    stride: int,
    seed: int,
    codec: DictConfig,
) -> int:
    """Writes sheets, statistics and a page of all folders, and prints their paths.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.
        output_dir: new folder, neither inside of ``data.root`` nor around it; it appears whole or not at all.
        images: how many images of each folder are drawn with their cells, chosen evenly.
        augment: config of an ``Augment``; with transforms in it, augmented samples of each folder are previewed.
        size: height and width of the network's input in pixels.
        stride: input pixels per pixel of the target heatmaps.
        seed: of the augmentation.
        codec: config of what renders the target heatmaps.

    Returns:
        The exit status 0; images with a problem are left out, and the page says so.
    """
    _check_numbers(images, size, stride, seed)
    root, target = Path(data.root), Path(output_dir)
    refuse_overlap(root, target)  # sheets inside of the data would be taken for data
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    fed = instantiate(augment), instantiate(codec)
    show = Show(visibility, tuple(mode.classes), images, *fed, (size[0], size[1]), stride, seed)
    folders, problems, left_out = _load(root, visibility)
    names = _names(folders, show)
    with new_folder(target) as partial, progress_bar() as update:
        survey = _survey(str(data.root), folders, problems, left_out, show, update)
        write_json(partial / NUMBERS, survey.to_dict())
        page = _draw(partial, survey, folders, show, _settings(show, augment, codec), update)
        write_bytes(partial / PAGE, render(page).encode())
    for name in names:
        print_line(str(target / name))
    return 0


def _load(root: Path, visibility: Visibility) -> tuple[list[Folder], list[str], int]:
    """The folders with a sound image, every problem, and how many images are left out for them."""
    folders, found = check(root, visibility, cache=True)
    problems = [str(problem) for problem in found]
    problems += [f"{folder.path}: holds no image" for folder in folders if not folder.images and not folder.left_out]
    sound = [folder for folder in folders if folder.images]
    if not sound:
        raise CellmarkError("\n".join([f"{printable(str(root))}: no sound image to show", *problems[:MOST_LISTED]]))
    left_out = sum(len(folder.left_out) for folder in folders)
    if problems:
        told = counted(len(problems), "problem"), counted(left_out, "image")
        log.warning("%s: %s, %s left out; the page lists them", root, *told)
    return sound, problems, left_out


def _names(folders: Sequence[Folder], show: Show) -> list[str]:
    """The files, in the order in which they are told.

    Raises:
        CellmarkError: two of them would have one name, or one a name that is too long.
    """
    kinds = (CELLS, TARGETS, AUGMENTED) if show.augment.compose else (CELLS, TARGETS)
    names = [f"{folder.name}{kind}.png" for folder in folders for kind in kinds]
    for name in names:
        length = len(os.fsencode(name))
        if length > LONGEST_NAME:
            reason = f"a name of {length} bytes, more than the {LONGEST_NAME} that file systems allow"
            raise CellmarkError(f"a sheet would be called {printable(name)}, {reason}: rename this folder")
    names += [OVERVIEW, CHARTS, NUMBERS, PAGE]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CellmarkError(f"two sheets would be called {printable(twice[0])}: rename one of the folders")
    return names


def _survey(
    root: str, folders: Sequence[Folder], problems: Sequence[str], left_out: int, show: Show, update: Update
) -> Survey:
    """Measures every image."""
    parts, every = collect(folders, show.visibility, show.classes, show.size, update=update)
    return Survey(root, show.size, show.classes, parts, every, find(parts, show.size), problems, left_out)


def _draw(
    target: Path, survey: Survey, folders: Sequence[Folder], show: Show, settings: dict[str, str], update: Update
) -> Page:
    """Writes all sheets, one folder after another, and returns the page that holds them, too."""
    sheets: list[list[str]] = []
    for number, folder in enumerate(folders):
        update("drawing", number, len(folders))
        galleries = show.galleries(folder, number)
        for kind, gallery in galleries.items():
            write_image(target / f"{folder.name}{kind}.png", gallery.sheet())
        sheets.append([render_gallery(own, f"pictures-{number}{kind}") for kind, own in galleries.items()])
    some = ((folder.name, show.annotated(folder, OVERVIEW_IMAGES)) for folder in folders)
    overview = overview_gallery(some, show.classes)
    write_image(target / OVERVIEW, overview.sheet())
    light, dark = (draw_statistics(survey.folders, survey.every, dark=dark) for dark in (False, True))
    write_image(target / CHARTS, light)
    return Page(
        title=f"Data set {Path(survey.root).resolve().name}",
        made=f"Made {datetime.now():%Y-%m-%d %H:%M} by cellmark {cellmark.__version__}",
        settings=settings,
        survey=survey,
        overview=render_gallery(overview, "overview-pictures"),
        charts=(light, dark),
        galleries=sheets,
    )


def _settings(show: Show, augment: DictConfig, codec: DictConfig) -> dict[str, str]:
    """What the page tells of the keys."""
    names = [str(transform.get("_target_", "")).rpartition(".")[2] for transform in augment.transforms]
    return {
        "input": f"{show.size[1]} x {show.size[0]} px",
        "stride": str(show.stride),
        "targets": ", ".join(f"{key!s} {value}" for key, value in codec.items() if key != "_target_"),
        "augment": ", ".join(names) or "none",
        "seed": str(show.seed),
    }


def _check_numbers(images: int, size: Sequence[int], stride: int, seed: int) -> None:
    if not isinstance(size, Sequence) or isinstance(size, str) or len(size) != 2:
        raise CellmarkError(f"size={size}: height and width are needed, as in [256,256]")
    for side in size:
        whole("size", side, MIN_ROWS)  # pixels; in a smaller picture no code can have a pixel for each row
    for name, value, least in (("images", images, 1), ("stride", stride, 1), ("seed", seed, 0)):
        whole(name, value, least)
