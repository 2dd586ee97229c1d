"""``cellmark export``: a trained network as an ONNX file, checked against PyTorch."""

from pathlib import Path
from typing import get_args

import numpy as np

from cellmark.cli.inputs import find_images
from cellmark.cli.printing import counted, print_line
from cellmark.data.images import read_image
from cellmark.data.selection import evenly
from cellmark.errors import CellmarkError
from cellmark.export import require_packages
from cellmark.reading.weights import load_default
from cellmark.tasks.checkpoint import load_checkpoint
from cellmark.tasks.loading import ONNX

CALIBRATING = 100  # pictures: more tell hardly more


def run(*, ckpt: str | None, output: str, precision: str, calibration: str | None) -> None:
    """Runs the verb with the keys of ``conf/export.yaml``."""
    require_packages("export")
    from cellmark.export.writing import Precision, export_model  # onnx need not be installed

    target = Path(output)
    if target.suffix.lower() != ONNX:
        raise CellmarkError(f"output={output}: the name must end with {ONNX}")
    if target.exists():
        raise CellmarkError(f"{output}: already there; nothing is overwritten, name another file")
    if precision not in get_args(Precision):
        raise CellmarkError(f"precision={precision}: one of {', '.join(get_args(Precision))} is needed")
    if (precision == "int8") != (calibration is not None):
        raise CellmarkError(
            "precision=int8 and calibration=FOLDER need each other: its images tell the range of numbers"
        )
    pictures = [] if calibration is None else _pictures(Path(calibration))
    model = load_default() if ckpt is None else load_checkpoint(ckpt)
    found = export_model(model, target, pictures)
    print_line(f"maps   at most {found.maps:.1e} from PyTorch's")
    print_line(f"peaks  {counted(found.peaks, 'peak')}, at most {found.pixels:.1e} px from PyTorch's")
    print_line(f"model  {target} ({target.stat().st_size / 1e6:.1f} MB)")


def _pictures(source: Path) -> list[np.ndarray]:
    return [read_image(path) for path in evenly(find_images(source), CALIBRATING)]
