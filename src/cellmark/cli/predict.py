"""``cellmark predict``: the cells of any image or folder of images."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import cellmark
from cellmark.cli.checks import flag, whole
from cellmark.cli.inputs import DRAWN, PREDICTIONS, find_images
from cellmark.cli.journal import Journal, digest, open_journal, stamp
from cellmark.cli.printing import counted, print_line
from cellmark.data.images import read_image
from cellmark.data.processes import cores, in_order
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.progress import progress_bar
from cellmark.runs.record import FAILURE
from cellmark.tasks.coco_results import coco_results
from cellmark.tasks.loading import load_model
from cellmark.tasks.predictor import Cells, Predictor
from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import draw_cells


@dataclass(frozen=True)
class Picture:
    """A picture to predict: where it lies, its name relative to the input, and its number, counted from 1."""

    path: Path
    name: Path
    image_id: int


Decoded = np.ndarray | str  # the pixels of a picture, or why it is none
Predicted = tuple[Picture, Decoded, Cells | None]  # no cells where there is no picture


@dataclass(frozen=True)
class Output:
    """Where the pictures of predictions go, and which ones.

    Attributes:
        folder: holds a folder of each kind.
        visibility: (C,) v to write for each class.
        overlays: draw the cells.
        heatmaps: draw the network's maps.
    """

    folder: Path
    visibility: np.ndarray
    overlays: bool
    heatmaps: bool

    def kinds(self) -> list[str]:
        """The folders of pictures that are drawn."""
        return [kind for kind, wanted in zip(DRAWN[PREDICTIONS], (self.overlays, self.heatmaps), strict=True) if wanted]

    def write(self, batch: Sequence[Predicted]) -> list[list[dict[str, Any]] | str]:
        """Draws the pictures of a batch; of each one the results, or why it is none."""
        return [self._write(*predicted) for predicted in batch]

    def _write(self, picture: Picture, image: Decoded, cells: Cells | None) -> list[dict[str, Any]] | str:
        if isinstance(image, str) or cells is None:
            return str(image)
        if self.overlays:
            kept = cells.in_codes()
            drawn = draw_cells(image, cells.points[kept], cells.labels[kept])
            write_image(_picture(self.folder / "overlays", picture.name), drawn)
        if self.heatmaps:
            write_image(_picture(self.folder / "heatmaps", picture.name), blend_heatmaps(image, cells.heatmap))
        return coco_results(cells, self.visibility, picture.name.as_posix(), picture.image_id)


@dataclass
class Tally:
    """What there is to tell at the end."""

    pictures: int = 0
    codes: int = 0
    cells: int = 0
    failed: list[str] = field(default_factory=list)


def run(
    *,
    input: str,
    ckpt: str,
    output_dir: str,
    scales: Sequence[float],
    batch_size: int,
    threshold: float | None,
    min_cells: int,
    overlays: bool,
    heatmaps: bool,
    device: str,
) -> int:
    """Runs the verb with the keys of ``conf/predict.yaml``; 1 if a picture could not be read."""
    source, folder = Path(input), Path(output_dir)
    if (folder / PREDICTIONS).exists():
        raise CellmarkError(f"{folder}: already holds predictions; name another output_dir")
    whole("batch_size", batch_size, 1)
    whole("min_cells", min_cells, 1)
    flag("overlays", overlays)
    flag("heatmaps", heatmaps)
    model = load_model(ckpt)
    if threshold is not None:
        model = replace(model, codec=replace(model.codec, threshold=threshold))
    predictor = Predictor(model, device, scales, min_cells)
    base = source if source.is_dir() else source.parent
    found = [Picture(path, path.relative_to(base), k) for k, path in enumerate(find_images(source), start=1)]
    stamps = [stamp(picture.path, picture.name.as_posix()) for picture in found]
    # A batch is done as a whole: in another one the numbers of a picture could differ in their last digits
    batches = [stamps[start : start + batch_size] for start in range(0, len(found), batch_size)]
    settings: dict[str, Any] = {
        "version": cellmark.__version__,
        "ckpt": digest(Path(ckpt)),
        "device": str(predictor.device),
    }
    settings |= {"scales": list(scales), "batch_size": batch_size, "threshold": threshold, "min_cells": min_cells}
    output = Output(folder, model.visibility(), overlays, heatmaps)
    with open_journal(folder / PREDICTIONS, settings, batches) as journal:
        (folder / FAILURE).unlink(missing_ok=True)  # of an earlier attempt
        _predict(journal, predictor, found, batch_size, output)
        tally = Tally()
        journal.finish(_content(journal, tally))
    told = [counted(tally.pictures, "picture"), counted(tally.codes, "code"), counted(tally.cells, "cell")]
    print_line(", ".join(told))
    print_line(f"predictions  {folder / PREDICTIONS}")
    for kind in output.kinds():
        print_line(f"{kind:<11}  {folder / kind}")
    for reason in tally.failed:
        print_line(f"not read: {reason}")
    return 1 if tally.failed else 0


def _predict(
    journal: Journal, predictor: Predictor, pictures: Sequence[Picture], batch_size: int, output: Output
) -> None:
    """Adds the batches that are missing; while the network works, threads decode the next one and draw the last."""
    done = journal.done * batch_size
    left = pictures[done:]
    with progress_bar() as update, ThreadPoolExecutor(cores()) as pool:
        decoded = zip(left, in_order(pool, _decode, left, ahead=batch_size), strict=True)
        predicted = _predicted(predictor, decoded, batch_size)
        update("predicting", done, len(pictures))
        for results in in_order(pool, output.write, predicted, ahead=1):
            journal.add(results)
            done += len(results)
            update("predicting", done, len(pictures))


def _decode(picture: Picture) -> Decoded:
    try:
        return read_image(picture.path)
    except CellmarkError as error:
        return str(error)


def _predicted(
    predictor: Predictor, decoded: Iterable[tuple[Picture, Decoded]], batch_size: int
) -> Iterator[list[Predicted]]:
    """Batch after batch through the network."""
    left = iter(decoded)
    while batch := list(islice(left, batch_size)):
        cells = iter(predictor([image for _, image in batch if not isinstance(image, str)]))
        yield [(picture, image, None if isinstance(image, str) else next(cells)) for picture, image in batch]


def _content(journal: Journal, tally: Tally) -> Iterator[str]:
    """The text of ``predictions.json``, result by result, which are counted as they go by."""
    before = "["
    for results in (results for batch in journal.results() for results in batch):
        if isinstance(results, str):
            tally.failed.append(results)
            continue
        tally.pictures += 1
        tally.codes += len(results)
        for result in results:
            tally.cells += len(result["keypoint_scores"])
            yield before + json.dumps(result)
            before = ", "
    yield "[]\n" if before == "[" else "]\n"


def _picture(folder: Path, name: Path) -> Path:
    """Where the picture made from ``name`` goes; the suffix stays in the name, so that a.jpg and a.png differ."""
    return folder / name.parent / f"{name.name}.png"
