"""``cellmark dataset_synth``: folders of synthetic DataMatrix pictures with the centre of every cell."""

import time
from collections.abc import Sequence
from pathlib import Path

from cellmark.cli import checks
from cellmark.cli.printing import print_line
from cellmark.data.generate.dataset import SMALLEST_SIZE, Parameters, Summary, is_there, write
from cellmark.data.generate.scenes import ALL_CONDITIONS
from cellmark.errors import CellmarkError
from cellmark.progress import progress_bar


def run(
    *,
    output_dir: str,
    images_per_folder: int,
    size: int,
    seed: int,
    severity: Sequence[float],
    min_pitch: float,
    conditions: Sequence[str] | str,
    workers: int | None,
) -> None:
    """Draws the dataset, unless exactly this one is already there.

    Args:
        output_dir: new folder that will hold a folder for each condition.
        images_per_folder: pictures of each condition.
        size: side of a picture in pixels.
        seed: the same seed gives the same files, byte for byte.
        severity: least and greatest severity; each picture's is drawn in between.
        min_pitch: smallest distance between neighbouring cells, pixels.
        conditions: names of the folders, or "all".
        workers: processes; None = one for each available core.
    """
    numbers = ("images_per_folder", images_per_folder, 1), ("size", size, SMALLEST_SIZE), ("seed", seed, 0)
    for name, value, least in numbers:
        checks.whole(name, value, least)
    checks.workers(workers)
    try:
        limits = tuple(float(value) for value in severity)
        pitch = float(min_pitch)
    except (TypeError, ValueError) as error:
        raise CellmarkError(f"severity={severity}, min_pitch={min_pitch}: numbers are needed") from error
    names = _names(conditions)
    parameters = Parameters(images_per_folder, size, seed, limits, pitch, names)  # type: ignore[arg-type]
    folder, start = Path(output_dir), time.perf_counter()
    if is_there(folder, parameters):
        print_line(f"{folder}: this dataset is already there and is reused")
        return
    summary = _write(folder, parameters, workers)
    seconds = time.perf_counter() - start
    print_line(f"{folder}: {summary.images} images, {summary.codes} codes, {summary.cells} cells in {seconds:.1f} s")


def _names(conditions: Sequence[str] | str) -> tuple[str, ...]:
    if conditions == "all":
        return ALL_CONDITIONS
    if isinstance(conditions, str) or not isinstance(conditions, Sequence):
        raise CellmarkError(f'conditions={conditions!r}: a list of names is needed, or "all"')
    return tuple(str(name) for name in conditions)


def _write(folder: Path, parameters: Parameters, workers: int | None) -> Summary:
    summary, total = Summary(0, 0, 0), parameters.images_per_folder * len(parameters.conditions)
    with progress_bar() as update:
        for summary in write(folder, parameters, workers):
            update("drawing", summary.images, total)
    return summary
