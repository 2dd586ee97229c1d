"""Running exported files in the place of checkpoints, and refusing other ones."""

import json

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from cellmark.errors import CellmarkError
from cellmark.export.metadata import KEY
from cellmark.tasks.loading import load_model


def test_a_file_is_loaded_as_the_model_that_it_was_made_of(exported):
    model = load_model(exported.onnx)
    for name in ("codec", "classes", "size", "visibility_to_class"):
        assert getattr(model, name) == getattr(exported.model, name), name
    own, theirs = model.network, exported.model.network
    assert (own.stride, own.channels, own.map_size(75, 101)) == (theirs.stride, theirs.channels, (38, 51))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_network_gives_the_logits_of_the_checkpoint(exported, layout):
    images = torch.rand(2, 3, 75, 101, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found, expected = (
            load_model(exported.onnx).network(images.to(memory_format=layout)),
            exported.model.network(images),
        )
    assert list(found) == list(expected)
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, atol=1e-4, rtol=0)
    torch.testing.assert_close(found["heatmap"].sigmoid(), expected["heatmap"].sigmoid(), atol=1e-6, rtol=0)


def edited(exported, path, edit):
    """A copy of the file with its graph, or its metadata, changed."""
    graph = onnx.load(exported.onnx)
    described = json.loads(graph.metadata_props[0].value)
    edit(graph, described)
    graph.metadata_props[0].value = json.dumps(described)
    path.write_bytes(graph.SerializeToString())
    return path


def external(graph, _):
    weights = next(each for each in graph.graph.initializer if len(each.dims) == 4)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/etc/passwd")


def external_within_a_node(graph, described):
    hidden = helper.make_tensor("hidden", TensorProto.FLOAT, [1], [1.0])
    hidden.data_location = TensorProto.EXTERNAL
    graph.graph.node.append(helper.make_node("Constant", [], ["hidden"], value=hidden))


def broken_graph(graph, _):
    graph.graph.node[0].op_type = "Nonsense"


def no_peaks(graph, _):
    del graph.graph.output[-1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (external, "refuses to load it: its numbers lie in other files"),
        (external_within_a_node, "refuses to load it: its numbers lie in other files"),
        (broken_graph, "onnxruntime refuses it: .*Nonsense"),
        (no_peaks, r"it gives \[.*\], not what its metadata tells"),
        (lambda _, told: told.update(format=9, version="9.0"), r"format 9, written by cellmark 9\.0; this is cellmark"),
        (lambda _, told: told.pop("classes"), r"its metadata is broken \(KeyError: 'classes'\)"),
        (lambda _, told: told.update(size=3), "its metadata is broken"),
        (lambda _, told: told.update(channels=["heatmap"]), "its metadata is broken"),
        (lambda _, told: told.update(codec={"_target_": "os.system"}), "refuses to build 'os.system'"),
    ],
)
def test_a_file_that_was_changed_is_refused(exported, tmp_path, edit, message):
    with pytest.raises(CellmarkError, match=rf"a\.onnx: {message}"):
        load_model(edited(exported, tmp_path / "a.onnx", edit))


def foreign():
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    same = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [same])
    return helper.make_model(graph)


def with_broken_metadata():
    model = foreign()
    helper.set_model_props(model, {KEY: "{"})
    return model


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no ONNX file of cellmark export"),
        (b"not a file of any kind" * 9, "no ONNX file"),
        (foreign().SerializeToString(), "no ONNX file of cellmark export"),
        (with_broken_metadata().SerializeToString(), "its metadata is broken"),
    ],
)
def test_another_kind_of_file_is_refused(tmp_path, content, message):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(CellmarkError, match=rf"a\.onnx: {message}"):
        load_model(tmp_path / "a.onnx")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(exported, tmp_path, share):
    content = exported.onnx.read_bytes()
    (tmp_path / "a.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(CellmarkError, match=r"a\.onnx: "):
        load_model(tmp_path / "a.onnx")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(CellmarkError, match=r"a\.onnx: no such file"):
        load_model(tmp_path / "a.onnx")


def test_pictures_on_another_device_are_refused(exported):
    with pytest.raises(CellmarkError, match="runs on the CPU only, not on meta"):
        load_model(exported.onnx).network(torch.zeros(1, 3, 32, 32, device="meta"))


def test_the_threads_are_those_of_pytorch(exported):
    assert load_model(exported.onnx).network.session.get_session_options().intra_op_num_threads == 1


def test_without_onnxruntime_the_extra_is_named(exported, monkeypatch):
    monkeypatch.setattr("cellmark.export.find_spec", lambda name: None)
    with pytest.raises(CellmarkError, match=r"tiny\.onnx: needs onnx, onnxruntime.*: pip install 'cellmark\[export\]'"):
        load_model(exported.onnx)


def test_probabilities_of_0_and_1_stay_what_they_are():
    """What the file gives becomes logits, of which predict and read take the sigmoid again."""
    heatmap = torch.tensor(np.array([0, 1e-30, 1e-6, 0.05, 0.3, 0.5, 0.9, 0.999999, 1], np.float32))
    torch.testing.assert_close(heatmap.logit().sigmoid(), heatmap, atol=1e-7, rtol=1e-6)
