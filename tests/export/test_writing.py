"""What an exported file holds, and that it gives what PyTorch gives."""

import json
import os
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import cellmark
from cellmark.errors import CellmarkError
from cellmark.export import check, writing
from cellmark.export.check import compare
from cellmark.export.quantization import quantize
from cellmark.export.writing import export_model
from cellmark.heatmaps.codec import GaussianCodec
from cellmark.models.deconv import DeconvDecoder
from cellmark.models.network import Network
from cellmark.models.timm_backbone import TimmBackbone
from cellmark.tasks.checkpoint import Model
from tests.export.stand_in import shown

SIZES = [(1, 64, 96), (2, 75, 101), (3, 33, 128), (1, 1, 2), (4, 32, 32)]


def run(file, **fed):
    """What the file gives, by name, with onnxruntime alone."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, fed), strict=True))


def images(count, height, width):
    return np.random.default_rng(height).random((count, 3, height, width), np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_the_maps_are_those_of_pytorch_for_any_number_and_size_of_pictures(exported, size):
    given = images(*size)
    with torch.inference_mode():
        expected = exported.model.network(torch.from_numpy(given))
    found = run(exported.onnx, images=given)
    np.testing.assert_allclose(found["heatmap"], expected["heatmap"].sigmoid(), atol=1e-5)
    np.testing.assert_allclose(found["scale"], expected["scale"], atol=1e-5)


def test_the_threshold_of_training_is_the_default(tmp_path):
    model = shown(0.6)
    export_model(model, tmp_path / "a.onnx")
    given = np.full((1, 3, 8, 9), 0.01, np.float32)
    given[0, 0, 2, 3], given[0, 1, 5, 5] = 0.5, 0.7
    assert run(tmp_path / "a.onnx", images=given)["peak_class"].tolist() == [1]
    low = run(tmp_path / "a.onnx", images=given, threshold=np.array(0.4, np.float32))
    assert low["peak_class"].tolist() == [0, 1]
    np.testing.assert_allclose(low["peak_xy"], [[3, 2], [5, 5]], atol=1e-3)


def test_the_file_says_what_it_takes_and_gives(exported):
    session = onnxruntime.InferenceSession(str(exported.onnx), providers=["CPUExecutionProvider"])
    told = {value.name: (value.type, value.shape) for value in (*session.get_inputs(), *session.get_outputs())}
    assert told == {
        "images": ("tensor(float)", ["batch", 3, "height", "width"]),
        "heatmap": ("tensor(float)", ["batch", 2, "rows", "columns"]),
        "scale": ("tensor(float)", ["batch", 2, "rows", "columns"]),
        "peak_image": ("tensor(int64)", ["peaks"]),
        "peak_class": ("tensor(int64)", ["peaks"]),
        "peak_xy": ("tensor(float)", ["peaks", 2]),
        "peak_score": ("tensor(float)", ["peaks"]),
    }
    (threshold,) = session.get_overridable_initializers()
    assert (threshold.name, threshold.type, threshold.shape) == ("threshold", "tensor(float)", [])


def test_the_metadata_are_all_that_inference_needs(exported):
    metadata = onnxruntime.InferenceSession(str(exported.onnx)).get_modelmeta()
    assert metadata.producer_name == "cellmark"
    assert json.loads(metadata.custom_metadata_map["cellmark"]) == {
        "format": 1,
        "version": cellmark.__version__,
        "precision": "fp32",
        "classes": ["black", "white"],
        "stride": 2,
        "size": [64, 96],
        "channels": {"heatmap": 2, "scale": 2},
        "codec": {
            "_target_": "cellmark.heatmaps.codec.GaussianCodec",
            **{"sigma": 1.5, "unit": "pixel", "min_sigma": 0.7, "threshold": 0.4, "min_pitch": 0.0},
        },
        "visibility_to_class": {"0": None, "1": "white", "2": "black"},
    }


def test_the_file_is_a_valid_one_and_tells_nothing_of_the_machine_that_made_it(exported):
    content = exported.onnx.read_bytes()
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    for word in (b".py", os.path.dirname(cellmark.__file__).encode(), b"site-packages"):
        assert word not in content


def test_a_file_that_gives_something_else_is_not_written(exported, tmp_path, monkeypatch):
    model = exported.model
    other = replace(model, network=shown().network)
    monkeypatch.setattr(writing, "compare", lambda content, _: compare(content, other))
    with pytest.raises(CellmarkError, match=r"a\.onnx: not written: it would differ from PyTorch, maps by inf"):
        export_model(model, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "maps", "pixels"),
    [
        ({}, pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-3)),
        ({"peak_xy": 0.06}, pytest.approx(0, abs=1e-6), pytest.approx(0.06, abs=1e-3)),
        ({"peak_class": 1}, pytest.approx(0, abs=1e-6), np.inf),
        ({"heatmap": np.nan}, pytest.approx(np.nan, nan_ok=True), np.inf),
        ({"scale": 2e-4}, pytest.approx(2e-4, abs=1e-5), 0),
    ],
)
def test_the_check_finds_what_is_wrong(exported, shown_content, monkeypatch, wrong, maps, pixels):
    """The stand-in sees peaks in the codes that are drawn, the network none."""
    content, model = (exported.onnx.read_bytes(), exported.model) if "scale" in wrong else (shown_content, shown(0.05))
    right = check.open_session

    class Wrong:
        def __init__(self, content):
            self.session = right(content)

        def run(self, names, fed):
            found = self.session.run(names, fed)
            return [each + np.array(wrong.get(name, 0), each.dtype) for name, each in zip(names, found, strict=True)]

    monkeypatch.setattr(check, "open_session", Wrong)
    found = compare(content, model)
    assert found.maps == maps and found.pixels == pixels
    assert "scale" in wrong or "heatmap" in wrong or found.peaks > 10


@pytest.mark.slow
def test_transposed_convolutions_at_full_resolution(tmp_path):
    torch.manual_seed(0)
    network = Network(TimmBackbone("resnet18", pretrained=False), DeconvDecoder, {"heatmap": 1}).eval()
    model = Model(network, GaussianCodec(), ("cell",), {1: "cell", 2: "cell"}, (64, 96))
    assert export_model(model, tmp_path / "a.onnx").maps < 1e-4
    assert run(tmp_path / "a.onnx", images=images(2, 75, 101))["heatmap"].shape == (2, 1, 75, 101)


def test_8_bits_change_the_maps_a_little(exported, tmp_path):
    pictures = [np.random.default_rng(seed).integers(0, 256, (64, 96, 3)).astype(np.uint8) for seed in range(3)]
    graph = quantize(onnx.load(exported.onnx), pictures, (64, 96))
    kinds = [node.op_type for node in graph.graph.node]
    assert kinds.count("QuantizeLinear") > 2
    (tmp_path / "a.onnx").write_bytes(graph.SerializeToString())
    given = images(2, 75, 101)
    exact, rough = run(exported.onnx, images=given), run(tmp_path / "a.onnx", images=given)
    assert 1e-5 < np.abs(exact["heatmap"] - rough["heatmap"]).max() < 0.05
    assert 1e-4 < np.abs(exact["scale"] - rough["scale"]).max() < 0.1
