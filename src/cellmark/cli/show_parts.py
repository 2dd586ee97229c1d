"""The files of `cellmark dataset_show`: read, measured, drawn and written folder by folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cellmark
from cellmark.data.annotations import Visibility, cells_of
from cellmark.data.augment import Augment
from cellmark.data.findings import Finding, find
from cellmark.data.images import read_image
from cellmark.data.problem_entries import well_formed
from cellmark.data.records import Folder
from cellmark.data.selection import evenly, versions
from cellmark.data.statistics import Statistics, collect
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_image, write_json
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.progress import Update
from cellmark.viz.annotated import OVERVIEW_IMAGES, Annotated, cells_gallery, overview_gallery
from cellmark.viz.augmented import augmented_gallery
from cellmark.viz.page import FolderPart, Page, render
from cellmark.viz.page_gallery import render_gallery
from cellmark.viz.statistics import draw_statistics
from cellmark.viz.targets import targets_gallery

FED_IMAGES = 3  # of each folder, whose targets and augmented versions are drawn
CELLS, TARGETS, AUGMENTED = "", "_targets", "_augmented"  # what follows the folder's name in the names of its sheets
OVERVIEW, CHARTS, NUMBERS, PAGE = "overview.png", "statistics.png", "statistics.json", "index.html"


@dataclass(frozen=True)
class Fed:
    """How training makes what a network is fed.

    Attributes:
        augment: of the images; one without transforms is not previewed.
        codec: renders the targets.
        size: height and width of the network's input in pixels.
        stride: input pixels per heatmap pixel.
        seed: of the augmentation.
    """

    augment: Augment
    codec: GaussianCodec
    size: tuple[int, int]
    stride: int
    seed: int


@dataclass(frozen=True)
class Show:
    """What is to be shown.

    Attributes:
        root: the data set as the user named it.
        folders: with sound images.
        problems: of the data, the reasons why images are left out.
        left_out: number of these images.
        visibility: v -> class index, or None.
        classes: names of the classes.
        images: how many of each folder are drawn with their cells.
        fed: what a network is fed.
        settings: name and value of the keys that the page tells.
    """

    root: str
    folders: Sequence[Folder]
    problems: Sequence[str]
    left_out: int
    visibility: Visibility
    classes: tuple[str, ...]
    images: int
    fed: Fed
    settings: Mapping[str, str]

    def names(self) -> list[str]:
        """The files, in the order in which they are told.

        Raises:
            CellmarkError: two of them would have one name.
        """
        kinds = (CELLS, TARGETS, AUGMENTED) if self.fed.augment.compose else (CELLS, TARGETS)
        sheets = [f"{folder.name}{kind}.png" for folder in self.folders for kind in kinds]
        names = [*sheets, OVERVIEW, CHARTS, NUMBERS, PAGE]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CellmarkError(f"two sheets would be called {twice[0]}: rename a folder of {self.root}")
        return names


def write_show(show: Show, target: Path, update: Update) -> list[str]:
    """Writes all files into ``target``, and returns their names; ``update`` is told how far it has come."""
    names = show.names()
    folders, every = collect(
        show.folders,
        show.visibility,
        show.classes,
        show.fed.size,
        on_measured=lambda done, total: update("measuring", done, total),
    )
    findings = find(folders, show.fed.size)
    write_json(target / NUMBERS, _numbers(show, folders, every, findings))
    parts = []
    for number, statistics in enumerate(folders):
        update("drawing", number, len(folders))
        parts.append(FolderPart(statistics, list(_write_sheets(show, number, target))))
    page = _page(show, parts, every, findings, target)
    write_bytes(target / PAGE, render(page).encode())
    return names


def _page(
    show: Show, parts: Sequence[FolderPart], every: Statistics, findings: Sequence[Finding], target: Path
) -> Page:
    """The page; what it shows of all folders together is also written as pictures."""
    overview = overview_gallery((folder.name, _annotated(show, folder, OVERVIEW_IMAGES)) for folder in show.folders)
    write_image(target / OVERVIEW, overview.sheet())
    folders = [part.statistics for part in parts]
    charts = draw_statistics(folders, every), draw_statistics(folders, every, dark=True)
    write_image(target / CHARTS, charts[0])
    return Page(
        title=f"Data set {Path(show.root).resolve().name}",
        root=show.root,
        made=f"Made {datetime.now():%Y-%m-%d %H:%M} by cellmark {cellmark.__version__}",
        settings=show.settings,
        classes=show.classes,
        problems=show.problems,
        left_out=show.left_out,
        findings=findings,
        overview=render_gallery(overview, "overview-pictures"),
        charts=charts,
        folders=parts,
        every=every,
    )


def _write_sheets(show: Show, number: int, target: Path) -> Iterator[str]:
    """Draws and writes the sheets of a folder; yields each as HTML."""
    folder, fed = show.folders[number], show.fed
    rows = versions(folder, fed.augment, fed.size, show.visibility, (fed.seed, number), FED_IMAGES)
    classes = len(show.classes)
    galleries = {
        CELLS: cells_gallery(folder.name, _annotated(show, folder, show.images), len(folder.images)),
        TARGETS: targets_gallery(folder.name, [row[0] for row in rows], fed.codec, fed.stride, show.classes),
    }
    if fed.augment.compose:
        galleries[AUGMENTED] = augmented_gallery(folder.name, rows, fed.codec, fed.stride, classes)
    for kind, gallery in galleries.items():
        write_image(target / f"{folder.name}{kind}.png", gallery.sheet())
        yield render_gallery(gallery, f"pictures-{number}{kind}")


def _annotated(show: Show, folder: Folder, most: int) -> Iterator[Annotated]:
    """Some images of a folder with their cells, each read when it is asked for."""
    for record in evenly(folder.images, most):
        yield Annotated(record.path.name, read_image(record.path), *cells_of(record, show.visibility))


def _numbers(
    show: Show, folders: Sequence[Statistics], every: Statistics, findings: Sequence[Finding]
) -> dict[str, Any]:
    """The content of ``statistics.json``."""
    return {
        "root": well_formed(show.root),
        "size": list(show.fed.size),
        "folders": [{"folder": well_formed(one.name), **one.to_dict()} for one in folders],
        "all": every.to_dict(),
        "findings": [{"folder": well_formed(folders[index].name), "text": text} for index, text in findings],
        "problems": [well_formed(problem) for problem in show.problems],
        "images_left_out": show.left_out,
    }
