"""Exported networks in onnxruntime, beside PyTorch as the reader and the predictor run it: one picture, two cores."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Row, in_turn
from cellmark.data.generate.scenes import draw
from cellmark.export.graph import IMAGES
from cellmark.export.runtime import open_session
from cellmark.export.writing import export_model
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.deconv import DeconvDecoder
from cellmark.models.network import Network
from cellmark.models.timm_backbone import TimmBackbone
from cellmark.reading.weights import load_default
from cellmark.tasks.checkpoint import Model

THREADS, REPEATS = 2, 15
GAIN = 1.5  # that is asked for


def rows() -> list[Row]:
    """Maps and peaks of one picture: the reader's network at 256 and 512 pixels, ResNet18 with deconvolutions."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return [
            *_rows("reader's network", load_default(), (256, 512)),
            *_rows("resnet18 and deconv", _report(), (512,)),
        ]
    finally:
        torch.set_num_threads(before)


def _report() -> Model:
    """The report's network, untrained."""
    torch.manual_seed(0)
    network = Network(TimmBackbone("resnet18", pretrained=False), DeconvDecoder, {"heatmap": 2}).eval()
    return Model(network, GaussianCodec(), ("black", "white"), {1: "white", 2: "black"}, (512, 512))


def _rows(name: str, model: Model, sizes: tuple[int, ...]) -> list[Row]:
    with TemporaryDirectory() as folder:
        exact, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        export_model(model, exact)
        export_model(model, small, [_picture(size, seed) for size in sizes for seed in range(1, 5)])
        files = {"fp32": exact.read_bytes(), "int8": small.read_bytes()}
    model.network.to(memory_format=torch.channels_last)  # as the reader has it
    found = []
    for size in sizes:
        picture = torch.from_numpy(_picture(size, 0))[None].permute(0, 3, 1, 2)
        eager, *times = in_turn(
            [_eager(model, picture), *(_exported(each, picture) for each in files.values())], REPEATS
        )
        for kind, ours in zip(files, times, strict=True):
            found.append(Row(f"{name}, {size} pixels, {kind}", ours, f"at most {eager / GAIN:.0f}", eager, "ms"))
    return found


def _eager(model: Model, picture: Tensor) -> Callable[[], object]:
    """What the reader does with a picture, in PyTorch."""

    def work() -> object:
        with torch.inference_mode():
            maps = model.network(picture.float() / 255)
            return model.codec.decode(maps["heatmap"].float().sigmoid(), model.network.stride)

    return work


def _exported(content: bytes, picture: Tensor) -> Callable[[], object]:
    """The same by an exported file, decoding included."""
    session = open_session(content)
    return lambda: session.run(None, {IMAGES: np.ascontiguousarray(picture.float().numpy() / np.float32(255))})


def _picture(size: int, seed: int) -> np.ndarray:
    return draw("1_label_print", size, np.random.default_rng(seed), 0.5).image
