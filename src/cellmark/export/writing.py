"""A trained network to an ONNX file that was checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cellmark.errors import CellmarkError
from cellmark.export.check import MOST_MAPS, MOST_PIXELS, Differences, compare
from cellmark.export.graph import THRESHOLD, build_graph, set_default
from cellmark.export.metadata import describe, write_metadata
from cellmark.export.quantization import quantize
from cellmark.files import partial_file
from cellmark.tasks.checkpoint import Model

Precision = Literal["fp32", "int8"]


def export_model(model: Model, target: Path, calibration: Sequence[np.ndarray] = ()) -> Differences:
    """Writes the file, once it gives what PyTorch gives; nothing is written where it does not.

    Args:
        model: as ``load_checkpoint`` returns it.
        target: the file to write; one of that name is replaced.
        calibration: uint8 (H, W, 3) RGB pictures that tell the range of each number: with them the file calculates
            with 8 bits, and its maps may differ as much as they do.

    Raises:
        CellmarkError: the file gives something else.
    """
    with partial_file(target) as partial:
        graph = build_graph(model)
        if calibration:
            graph = quantize(graph, calibration, model.size)
        set_default(graph, THRESHOLD, model.codec.threshold)
        write_metadata(graph, describe(model, "int8" if calibration else "fp32"))
        content = graph.SerializeToString()
        found = compare(content, model)
        if not (found.pixels <= MOST_PIXELS and (calibration or found.maps <= MOST_MAPS)):
            told = f"maps by {found.maps:.1e} and peaks by {found.pixels:.2g} px"
            raise CellmarkError(f"{target}: not written: it would differ from PyTorch, {told}")
        partial.write_bytes(content)
    return found
