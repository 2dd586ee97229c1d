"""``cellmark export``, and the verbs that run what it wrote, as a person would call them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from cellmark.data.generate.scenes import draw
from cellmark.files import write_image
from cellmark.reading.api import forget
from tests.integration.commands import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pictures of codes, of different sizes."""
    monkeypatch.chdir(tmp_path)
    for name, size in (("a", 128), ("b", 150)):
        write_image(
            tmp_path / f"photos/{name}.png", draw("1_label_print", size, np.random.default_rng(size), 0.2).image
        )
    return tmp_path


def test_a_checkpoint_is_exported_and_the_differences_are_said(exported, folder, capsys):
    assert run("export", f"ckpt={exported.ckpt}", "output=new/a.onnx") == 0
    said = capsys.readouterr()
    assert said.err == ""
    maps, peaks, model = said.out.splitlines()
    assert maps.startswith("maps   at most ") and maps.endswith("from PyTorch's") and "peaks" in peaks
    assert model.startswith("model  new/a.onnx (0.")
    assert [path.name for path in (folder / "new").iterdir()] == ["a.onnx"]
    assert run("export", f"ckpt={exported.ckpt}", "output=new/a.onnx") == 1
    assert "new/a.onnx: already there; nothing is overwritten" in capsys.readouterr().err


def test_8_bits_are_calibrated_on_pictures(exported, folder, capsys):
    assert run("export", f"ckpt={exported.ckpt}", "output=a.onnx", "precision=int8", "calibration=photos") == 0
    said = capsys.readouterr()
    assert said.err == "" and "model  a.onnx" in said.out


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["output=a.pt"], "output=a.pt: the name must end with .onnx"),
        (["output=a.onnx", "precision=fp8"], "precision=fp8: one of fp32, int8 is needed"),
        (["output=a.onnx", "precision=int8"], "precision=int8 and calibration=FOLDER need each other"),
        (["output=a.onnx", "calibration=photos"], "precision=int8 and calibration=FOLDER need each other"),
        (["output=a.onnx", "precision=int8", "calibration=none"], "none: no such file or folder"),
        (["output=a.onnx", "ckpt=none.ckpt"], "none.ckpt: no such checkpoint"),
        (["output=photos/a.png/a.onnx"], "photos/a.png"),
        ([], "needs output=..."),
    ],
)
def test_what_cannot_be_exported_is_said(folder, capsys, keys, message):
    before = sorted(folder.rglob("*"))
    assert run("export", *keys) == 1
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert sorted(folder.rglob("*")) == before


def test_a_folder_that_cannot_be_written_to_is_said_at_once(exported, folder, capsys, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied", "locked")

    monkeypatch.setattr("cellmark.files.tempfile.mkstemp", refuse)
    monkeypatch.setattr("cellmark.export.writing.build_graph", lambda _: pytest.fail("much work, for nothing"))
    assert run("export", f"ckpt={exported.ckpt}", "output=locked/a.onnx") == 1
    assert "error: export: locked: Permission denied" in capsys.readouterr().err


def test_without_the_extra_it_is_named_and_the_other_verbs_work():
    hidden = "import sys; sys.modules.update(onnx=None, onnxruntime=None, onnxscript=None); "
    code = hidden + "import cellmark.cli.predict, cellmark.cli.evaluate, cellmark.cli.read, cellmark.cli.export"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def predicted(folder, ckpt, name):
    keys = ["input=photos", f"ckpt={ckpt}", f"output_dir={name}", "threshold=0.01", "min_cells=1", "scales=[1,2]"]
    assert run("predict", *keys, "device=cpu", "heatmaps=false", "overlays=false") == 0
    cells = dict[str, list[float]]()
    for result in json.loads((folder / name / "predictions.json").read_text()):
        cells.setdefault(result["file_name"], []).extend(result["keypoints"])
    return {name: np.reshape(values, (-1, 3)) for name, values in cells.items()}


def test_predict_finds_the_same_cells_by_the_file_as_by_the_checkpoint(exported, folder):
    own, theirs = predicted(folder, exported.onnx, "own"), predicted(folder, exported.ckpt, "theirs")
    assert own.keys() == theirs.keys() == {"a.png", "b.png"}
    for found, expected in ((own[name], theirs[name]) for name in theirs):
        assert len(found) == len(expected) > 20
        distance = np.abs(found[:, None, :2] - expected[None, :, :2]).max(axis=2)
        nearest = distance.argmin(axis=0)
        # A network that learned nothing gives flat maps, where the last bit of a number decides where the top is
        assert np.median(distance.min(axis=0)) < 0.01
        assert (found[nearest, 2] == expected[:, 2]).mean() > 0.95


def test_evaluate_measures_the_same_by_the_file_as_by_the_checkpoint(exported, plain_root, tmp_path):
    metrics = []
    for ckpt in (exported.onnx, exported.ckpt):
        keys = [
            f"ckpt={ckpt}",
            f"data.root={plain_root}",
            "data.test_folder=fold0",
            f"output_dir={tmp_path / ckpt.suffix}",
        ]
        assert run("evaluate", *keys, "data.num_workers=0", "pictures=1", "trainer.accelerator=cpu") == 0
        metrics.append(json.loads((tmp_path / ckpt.suffix / "summary.json").read_text())["metrics"])
    assert metrics[0].keys() == metrics[1].keys()
    for name in ("test/mse", "test/ap"):
        assert metrics[0][name] == pytest.approx(metrics[1][name], abs=1e-4)


@pytest.mark.slow
def test_read_reads_the_same_by_the_file_as_by_the_weights_of_the_package(folder, capsys):
    assert run("export", "output=reader.onnx") == 0
    lines = {}
    for ckpt in ("null", "reader.onnx"):
        forget()
        capsys.readouterr()
        assert run("read", "input=photos", f"ckpt={ckpt}", "engine=network") == 0
        lines[ckpt] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines["null"]) == 2
    for own, theirs in zip(lines["reader.onnx"], lines["null"], strict=True):
        assert own["text"] == theirs["text"] and own["cells_found"] == theirs["cells_found"]
        np.testing.assert_allclose(own["corners"], theirs["corners"], atol=0.05)
