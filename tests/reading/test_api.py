import os
import subprocess
import sys

import numpy as np
import pytest

import cellmark
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.reading import weights
from cellmark.reading.api import forget, reader_for
from cellmark.reading.reader import NOTHING, UNREAD
from cellmark.reading.weights import save_weights
from tests.reading.drawn import corners, picture
from tests.reading.networks import checkpoint


@pytest.fixture(autouse=True)
def nothing_kept():
    forget()
    yield
    forget()


def test_importing_cellmark_is_light():
    code = "import sys, cellmark; print([name for name in ('torch', 'numpy', 'cv2') if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout == "[]\n"


def test_only_what_there_is_can_be_asked_for():
    assert "read" in cellmark.__all__ and callable(cellmark.read)
    with pytest.raises(AttributeError, match="has no attribute 'write'"):
        cellmark.write  # noqa: B018


def test_files_and_arrays_are_read(tmp_path):
    image = picture(["one"])
    write_image(tmp_path / "a.png", image)
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), image, image[:, :, 0].copy(), image[:, :, 0].T.T):
        (code,) = cellmark.read(given, engine="classical")
        assert (code.text, code.rows, code.cols, code.engine) == ("one", 10, 10, "classical")
        np.testing.assert_allclose(code.corners, corners(0), atol=3)


def test_reading_stops_when_enough_is_read():
    image = picture(["one", "two"])
    assert sorted(code.text for code in cellmark.read(image, engine="classical")) == ["one", "two"]
    assert len(cellmark.read(image, engine="classical", codes=1)) == 1
    with pytest.raises(CellmarkError, match="codes=0: a whole number from 1 up"):
        cellmark.read(image, engine="classical", codes=0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((9, 9, 3)),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((3, 9, 9), np.uint8),
        np.zeros(9, np.uint8),
        np.zeros((0, 9, 3), np.uint8),
        np.zeros((9, 9), bool),
    ],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(CellmarkError, match=r"uint8 \(H, W, 3\) RGB or \(H, W\) grey, this array is"):
        cellmark.read(array, engine="classical")


def test_what_is_not_there_is_told(tmp_path):
    image = picture(["one"])
    with pytest.raises(CellmarkError, match="no such file"):
        cellmark.read(tmp_path / "a.png", engine="classical")
    with pytest.raises(CellmarkError, match="engine=best: one of classical, network, both"):
        cellmark.read(image, engine="best")
    with pytest.raises(CellmarkError, match="no such checkpoint"):
        cellmark.read(image, ckpt=tmp_path / "a.ckpt")


def test_the_weights_of_the_package_are_taken(tmp_path, monkeypatch):
    save_weights(checkpoint(tmp_path / "a.ckpt"), tmp_path / "a.safetensors")
    monkeypatch.setattr(weights, "DEFAULT", tmp_path / "a.safetensors")
    reader = reader_for("network", "cpu")
    assert reader.read(np.full((64, 64, 3), 128, np.uint8)) == [] and reader.reason in (NOTHING, UNREAD)


def test_the_network_is_loaded_once(tmp_path):
    path = checkpoint(tmp_path / "a.ckpt")
    reader = reader_for("network", "cpu", path)
    assert reader_for("network", "cpu", str(path)) is reader
    assert reader_for("both", "cpu", path) is not reader
    checkpoint(path, seed=1)
    os.utime(path, ns=(1, 1))  # however coarse the clock of the file system is
    assert reader_for("network", "cpu", path) is not reader
    assert reader_for("classical", "cpu", path) is reader_for("classical", "cpu")
