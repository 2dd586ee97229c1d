"""The graph of a network that calculates with numbers of 8 bits."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, quant_pre_process, quantize_static

from cellmark.data.fit import fit_image
from cellmark.export.graph import IMAGES, THRESHOLD

QUANTIZED = ["Conv", "ConvTranspose"]  # kinds of nodes


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime tells no types
    """Hands pictures to onnxruntime, one at a time."""

    def __init__(self, pictures: Sequence[np.ndarray], size: tuple[int, int]) -> None:
        self.waiting = iter(pictures)
        self.size = size

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self.waiting, None)
        if picture is None:
            return None
        image = fit_image(picture, self.size)[0].transpose(2, 0, 1)[None] / np.float32(255)
        return {IMAGES: np.ascontiguousarray(image, np.float32), THRESHOLD: np.array(1, np.float32)}


def quantize(graph: onnx.ModelProto, pictures: Sequence[np.ndarray], size: tuple[int, int]) -> onnx.ModelProto:
    """The same graph with its convolutions, and what stands between them, in 8 bits.

    The first convolution and the heads stay as they are: they are cheap, and the picture and the maps need more than
    8 bits. So does the decoding of the peaks.

    Args:
        graph: as ``build_graph`` makes it.
        pictures: uint8 (H, W, 3) RGB, as the network will see them.
        size: height and width of the input they are fitted into.
    """
    with TemporaryDirectory() as folder:
        plain, prepared, quantized = (str(Path(folder) / name) for name in ("a.onnx", "b.onnx", "c.onnx"))
        onnx.save(graph, plain)
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)  # which gives up at the decoding of peaks
        quantize_static(
            prepared,
            quantized,
            _Pictures(pictures, size),
            op_types_to_quantize=QUANTIZED,
            per_channel=True,
            nodes_to_exclude=_precise(prepared),
        )
        return onnx.load(quantized)


def _precise(path: str) -> list[str]:
    """Names of the first convolution and of the heads, whose output the file gives or the sigmoid takes."""
    graph = onnx.load(path).graph
    given = {output.name for output in graph.output}
    given |= {name for node in graph.node if node.op_type in ("Sigmoid", "Slice") for name in node.input[:1]}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    return [convolutions[0].name, *(node.name for node in convolutions if node.output[0] in given)]
