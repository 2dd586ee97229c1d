"""Loading a trained network of whatever kind of file: a checkpoint, or what ``cellmark export`` wrote."""

from pathlib import Path

from cellmark.export import require_packages
from cellmark.tasks.checkpoint import Model, load_checkpoint

ONNX = ".onnx"


def load_model(path: str | Path) -> Model:
    """Loads a network with all that inference needs; the suffix ``.onnx`` tells an exported file.

    Raises:
        CellmarkError: see ``load_checkpoint`` and ``load_onnx``; or the packages for an exported file are missing.
    """
    path = Path(path)
    if path.suffix.lower() != ONNX:
        return load_checkpoint(path)
    require_packages(str(path))
    from cellmark.export.runtime import load_onnx  # onnxruntime need not be installed

    return load_onnx(path)
