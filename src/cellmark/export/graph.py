"""From a trained network to the graph of an ONNX file: images in, maps and peaks out."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from cellmark.coordinates import resize_points
from cellmark.heatmaps.peaks import find_peaks
from cellmark.models.network import MapNetwork
from cellmark.tasks.checkpoint import Model

IMAGES, THRESHOLD = "images", "threshold"
PEAKS = ("peak_image", "peak_class", "peak_xy", "peak_score")
OPSET = 20  # onnxruntime 1.17 and newer run it
TRACED = (2, 3, 75, 91)  # no side that the backbone can halve as it is, so that the padding is traced, too


class MapsAndPeaks(nn.Module):
    """A network with the decoding of its peaks."""

    def __init__(self, network: MapNetwork) -> None:
        """Takes a network in evaluation mode."""
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, threshold: Tensor) -> tuple[Tensor, ...]:
        """Finds the cells of a batch.

        Args:
            images: float32 (B, 3, H, W) in 0..1.
            threshold: float32 (), least score of a peak.

        Returns:
            The maps in the order of the network's channels, the heatmap after the sigmoid and the others as the
            network gives them; then image (P,), class (P,), x and y in pixels of the input (P, 2) and score (P,) of
            the peaks.
        """
        maps = self.network(images)
        maps["heatmap"] = maps["heatmap"].sigmoid()
        image, label, centres, scores = find_peaks(maps["heatmap"], threshold)
        points = resize_points(centres, (self.network.stride, self.network.stride))
        return *(maps[name] for name in self.network.channels), image, label, points, scores


def build_graph(model: Model) -> onnx.ModelProto:
    """The graph of a model for any number of images of any size, without metadata and defaults.

    Args:
        model: on the CPU, in evaluation mode.
    """
    threshold = torch.tensor(model.codec.threshold)
    sizes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    # Exported here and not by torch.onnx, which would take a size that got fixed for a constant, and say nothing
    program = torch.export.export(
        MapsAndPeaks(model.network).eval(),
        (torch.rand(TRACED), threshold),
        dynamic_shapes={IMAGES: sizes, THRESHOLD: None},
        strict=False,
    )
    outputs = [*model.network.channels, *PEAKS]
    written = torch.onnx.export(
        program, input_names=[IMAGES, THRESHOLD], output_names=outputs, opset_version=OPSET, verbose=False
    )
    graph = cast(torch.onnx.ONNXProgram, written).model_proto
    _forget_origin(graph)
    _name_sizes(graph)
    return graph


def set_default(graph: onnx.ModelProto, name: str, value: float) -> None:
    """Gives an input of one number the value that it has where none is fed."""
    graph.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))


def _forget_origin(model: onnx.ModelProto) -> None:
    """Takes out what the exporter tells of every node: names of files and lines of this machine."""
    graph = model.graph
    holders: Iterable[onnx.ModelProto | onnx.GraphProto | onnx.NodeProto | onnx.ValueInfoProto | onnx.TensorProto]
    holders = (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
    for holder in holders:
        del holder.metadata_props[:]
        holder.doc_string = ""
    del graph.value_info[:]


def _name_sizes(model: onnx.ModelProto) -> None:
    """Gives the sizes that are not fixed names that a person understands."""
    names = {IMAGES: ("batch", "", "height", "width")} | {name: ("peaks", "") for name in PEAKS}
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(
            value.type.tensor_type.shape.dim, names.get(value.name, ("batch", "", "rows", "columns")), strict=False
        ):
            if not dimension.HasField("dim_value"):
                dimension.dim_param = name
