"""``cellmark dataset_synth``: six folders of synthetic DataMatrix pictures with the centre of every cell."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cellmark.data.generate.dataset import Parameters, Summary, is_there, write
from cellmark.data.generate.scenes import CONDITIONS
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
        workers: processes; None = one for each available core.
    """
    for name, value in (("images_per_folder", images_per_folder), ("size", size), ("seed", seed)):
        if type(value) is not int:
            raise CellmarkError(f"{name}={value}: a whole number is needed")
    if workers is not None and (type(workers) is not int or workers < 1):
        raise CellmarkError(f"workers={workers}: at least 1 is needed, or null for one on each core")
    try:
        limits = tuple(float(value) for value in severity)
        parameters = Parameters(images_per_folder, size, seed, limits, float(min_pitch))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise CellmarkError(f"severity={severity}, min_pitch={min_pitch}: numbers are needed") from error
    folder, console, start = Path(output_dir), Console(), time.perf_counter()
    if is_there(folder, parameters):
        console.print(f"{folder}: this dataset is already there and is reused", soft_wrap=True, markup=False)
        return
    summary = _write(folder, parameters, workers)
    seconds = time.perf_counter() - start
    console.print(
        f"{folder}: {summary.images} images, {summary.codes} codes, {summary.cells} cells in {seconds:.1f} s",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _write(folder: Path, parameters: Parameters, workers: int | None) -> Summary:
    summary, total = Summary(0, 0, 0), parameters.images_per_folder * len(CONDITIONS)
    with progress_bar() as update:
        for summary in write(folder, parameters, workers):
            update("drawing", summary.images, total)
    return summary
