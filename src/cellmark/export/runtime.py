"""Running an ONNX file of ``cellmark export`` in the place of the network that it was made of."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnxruntime.capi import onnxruntime_pybind11_state as failures
from torch import Tensor

from cellmark.errors import CellmarkError
from cellmark.export.graph import IMAGES, PEAKS
from cellmark.export.metadata import read_metadata
from cellmark.models.network import MapNetwork
from cellmark.tasks.checkpoint import Model, build

REFUSED = (  # what onnxruntime raises about a file; its exceptions have no base of their own
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)
SILENT = 4  # onnxruntime's severity: errors are raised, there is no need to print them as well


class OnnxNetwork(MapNetwork):
    """The network of an ONNX file; it runs on the CPU, with as many threads as PyTorch has when it is made."""

    on_gpu = False
    session: Any  # onnxruntime tells no types

    def __init__(self, content: bytes, channels: dict[str, int], stride: int) -> None:
        """Prepares the file.

        Args:
            content: of the file.
            channels: of each named map.
            stride: input pixels per pixel of the maps.

        Raises:
            CellmarkError: onnxruntime refuses it.
        """
        super().__init__()
        self.channels, self.stride = channels, stride
        self.session = open_session(content)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Predicts the maps; the probabilities of the file's heatmap become logits again, as of any network.

        Args:
            images: (B, 3, H, W) in 0..1, of any size.

        Raises:
            CellmarkError: the images are on another device than the CPU.
        """
        if images.device.type != "cpu":
            raise CellmarkError(f"an ONNX file runs on the CPU only, not on {images.device}: device=cpu")
        fed = {IMAGES: np.ascontiguousarray(images.numpy())}
        found = self.session.run(list(self.channels), fed, _only_what_is_asked_for())
        maps = {name: torch.from_numpy(values) for name, values in zip(self.channels, found, strict=True)}
        maps["heatmap"] = maps["heatmap"].logit()
        return maps


def load_onnx(path: Path) -> Model:
    """Loads what ``cellmark export`` wrote.

    Raises:
        CellmarkError: no such file, none of cellmark, of another format, one that names other files, or a broken one.
    """
    if not path.is_file():
        raise CellmarkError(f"{path}: no such file")
    content = path.read_bytes()
    try:
        graph = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise CellmarkError(f"{path}: no ONNX file ({error})") from error
    described = read_metadata(graph, path)
    if _names_files(graph):
        raise CellmarkError(f"{path}: refuses to load it: its numbers lie in other files, which it names")
    try:
        channels = {str(name): int(count) for name, count in described["channels"].items()}
        model = Model(
            network=OnnxNetwork(content, channels, int(described["stride"])),
            codec=build(described["codec"], path),
            classes=tuple(described["classes"]),
            visibility_to_class={int(v): name for v, name in described["visibility_to_class"].items()},
            size=(described["size"][0], described["size"][1]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CellmarkError(f"{path}: its metadata is broken ({type(error).__name__}: {error})") from error
    except REFUSED as error:
        raise CellmarkError(f"{path}: onnxruntime refuses it: {str(error).splitlines()[0]}") from error
    names = {output.name for output in graph.graph.output}
    if not {*model.network.channels, *PEAKS} <= names:
        raise CellmarkError(f"{path}: it gives {sorted(names)}, not what its metadata tells")
    return model


def open_session(content: bytes) -> Any:
    """Prepares a file for the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = SILENT
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _only_what_is_asked_for() -> Any:
    """Leaves out the decoding of peaks, which the caller does itself with the threshold that it needs."""
    options = onnxruntime.RunOptions()
    options.only_execute_path_to_fetches = True
    options.log_severity_level = SILENT
    return options


def _names_files(message: Message) -> bool:
    """Whether any tensor in a file lies in another one: the sender could name any file of this machine."""
    if isinstance(message, onnx.TensorProto):
        return message.data_location == onnx.TensorProto.EXTERNAL
    parts: list[tuple[FieldDescriptor, Any]] = message.ListFields()
    nested = [value for field, value in parts if field.type == FieldDescriptor.TYPE_MESSAGE]
    return any(_names_files(one) for value in nested for one in ([value] if isinstance(value, Message) else value))
