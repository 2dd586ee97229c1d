"""The script that trains the second look: from a data set's folders to the file of weights."""

import json
import sys

import pytest

import reader_classifier
from cellmark.errors import CellmarkError
from cellmark.reading.weights import load_classifier


def train(plain_root, tmp_path, name, **changes):
    wanted = {"val_folder": "fold2", "epochs": 1, "seed": 1} | changes
    return reader_classifier.train(
        plain_root, output=tmp_path / f"run_{name}", target=tmp_path / f"{name}.safetensors", **wanted
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(plain_root, tmp_path, monkeypatch):
    monkeypatch.setattr(reader_classifier, "BATCH", 4)
    metrics = train(plain_root, tmp_path, "a")
    assert metrics["val/classes"] > 0 and 0 <= metrics["val/wrong"] <= 0.5
    assert load_classifier(tmp_path / "a.safetensors").config["widths"] == [24, 48, 80]
    report = json.loads((tmp_path / "run_a/energy.json").read_text())
    assert report["kwh"] > 0 and report["ended"] == "normally"
    monkeypatch.setattr(reader_classifier, "WORKERS", 1)
    assert train(plain_root, tmp_path, "b") == metrics
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_bad_input_is_named(plain_root, tmp_path, monkeypatch):
    with pytest.raises(
        CellmarkError, match=r"folder elsewhere and others to learn from are needed; there are fold0, fold1, fold2"
    ):
        train(plain_root, tmp_path, "a", val_folder="elsewhere")
    monkeypatch.setattr(sys, "argv", ["reader_classifier.py", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match=r"error: .*nowhere"):
        reader_classifier.main()
    assert not list(tmp_path.iterdir())
