"""``cellmark predict``: the cells of any image or folder of images."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from cellmark.cli.checks import flag, whole
from cellmark.cli.inputs import DRAWN, find_images
from cellmark.cli.printing import counted, print_line
from cellmark.data.images import read_image
from cellmark.data.records import CATEGORY
from cellmark.errors import CellmarkError
from cellmark.files import write_image, write_json
from cellmark.tasks.checkpoint import load_checkpoint
from cellmark.tasks.predictor import Cells, Predictor
from cellmark.viz.heatmap import blend_heatmaps
from cellmark.viz.overlay import draw_cells

RESULTS = "predictions.json"


def coco_results(cells: Cells, visibility: np.ndarray, file_name: str, image_id: int) -> list[dict[str, Any]]:
    """One COCO keypoint result per code.

    Args:
        cells: of one picture.
        visibility: (C,) v to write for each class.
        file_name: of the picture, relative to the input.
        image_id: counted from 1 in order of file name.
    """
    results = []
    for members in cells.codes:
        points, scores = cells.points[members].astype(float), cells.scores[members].astype(float)
        low = points.min(axis=0)
        keypoints = np.column_stack([points.round(3), visibility[cells.labels[members]]])
        results.append(
            {
                "file_name": file_name,
                "image_id": image_id,
                "category_id": CATEGORY["id"],
                "keypoints": [v for x, y, c in keypoints.tolist() for v in (x, y, int(c))],
                "keypoint_scores": scores.round(4).tolist(),
                "score": round(float(scores.mean()), 4),
                "bbox": np.concatenate([low, points.max(axis=0) - low]).round(3).tolist(),
            }
        )
    return results


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
    if (folder / RESULTS).exists():
        raise CellmarkError(f"{folder}: already holds predictions; name another output_dir")
    whole("batch_size", batch_size, 1)
    whole("min_cells", min_cells, 1)
    flag("overlays", overlays)
    flag("heatmaps", heatmaps)
    model = load_checkpoint(ckpt)
    if threshold is not None:
        model = replace(model, codec=replace(model.codec, threshold=threshold))
    predictor = Predictor(model, device, scales, min_cells)
    paths = find_images(source)
    base = source if source.is_dir() else source.parent
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    batches = [range(k, min(k + batch_size, len(paths))) for k in range(0, len(paths), batch_size)]
    for batch in track(batches, "predicting", console=Console(stderr=True)):
        read = list(_read(paths, batch, failed))
        for (index, image), cells in zip(read, predictor([image for _, image in read]) if read else [], strict=True):
            name = paths[index].relative_to(base)
            results += coco_results(cells, model.visibility(), name.as_posix(), index + 1)
            if overlays:
                kept = cells.in_codes()
                picture = draw_cells(image, cells.points[kept], cells.labels[kept])
                write_image(_picture(folder / "overlays", name), picture)
            if heatmaps:
                write_image(_picture(folder / "heatmaps", name), blend_heatmaps(image, cells.heatmap))
    write_json(folder / RESULTS, results, indent=None)
    cells_found = sum(len(result["keypoint_scores"]) for result in results)
    told = [counted(len(paths) - len(failed), "picture"), counted(len(results), "code"), counted(cells_found, "cell")]
    print_line(", ".join(told))
    print_line(f"predictions  {folder / RESULTS}")
    for kind in [kind for kind, wanted in zip(DRAWN[RESULTS], (overlays, heatmaps), strict=True) if wanted]:
        print_line(f"{kind:<11}  {folder / kind}")
    for reason in failed:
        print_line(f"not read: {reason}")
    return 1 if failed else 0


def _read(paths: Sequence[Path], batch: range, failed: list[str]) -> Iterator[tuple[int, np.ndarray]]:
    """The pictures of a batch that decode; the reasons of the others are added to ``failed``."""
    for index in batch:
        try:
            yield index, read_image(paths[index])
        except CellmarkError as error:
            failed.append(str(error))


def _picture(folder: Path, name: Path) -> Path:
    """Where the picture made from ``name`` goes; the suffix stays in the name, so that a.jpg and a.png differ."""
    return folder / name.parent / f"{name.name}.png"
