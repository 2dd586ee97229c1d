"""The graph of a network that calculates with numbers of 8 bits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata

from cellmark.data.fit import fit_image
from cellmark.export.graph import IMAGES, PEAKS, THRESHOLD

QUANTIZED = ["Conv", "Add", "Relu", "MaxPool", "Concat", "Resize"]  # kinds of nodes that onnxruntime runs in 8 bits


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
        graph: as ``build_graph`` makes it; it gets a mark of onnxruntime's.
        pictures: uint8 (H, W, 3) RGB, as the network will see them.
        size: height and width of the input they are fitted into.
    """
    add_pre_process_metadata(graph)  # else it advises optimising before, which hides half of the convolutions from it
    with TemporaryDirectory() as folder:
        exact, quantized = Path(folder) / "exact.onnx", Path(folder) / "quantized.onnx"
        onnx.save(graph, exact)
        quantize_static(
            exact,
            quantized,
            _Pictures(pictures, size),
            op_types_to_quantize=QUANTIZED,
            nodes_to_quantize=_between(graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,  # for which x86 processors have instructions
        )
        return onnx.load(quantized)


def _between(graph: onnx.ModelProto) -> list[str]:
    """Names of the nodes between the first convolution and the heads, which are the last ones before the outputs."""
    maker = {output: node for node in graph.graph.node for output in node.output}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    maps = [output.name for output in graph.graph.output if output.name not in PEAKS]
    heads = {_nearest(maker, name, "Conv") for name in maps}
    waiting = [name for node in convolutions if node.name in heads for name in node.input]
    found = dict[str, None]()
    while waiting:
        node = maker.get(waiting.pop())
        if node is not None and node.name not in found:
            found[node.name] = None
            waiting.extend(node.input)
    return [name for name in found if name != convolutions[0].name]


def _nearest(maker: Mapping[str, onnx.NodeProto], name: str, kind: str) -> str:
    """The name of the node of a kind that is nearest before a value, along the first inputs."""
    while maker[name].op_type != kind:
        name = maker[name].input[0]
    return maker[name].name
