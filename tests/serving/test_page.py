"""The page in a real browser without a window: Chromium, as PySide6 brings it (``pip install 'cellmark[browser]'``)."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.integration.commands import CHECKOUT
from tests.reading.drawn import picture
from tests.serving.clients import encoded
from tests.serving.processes import PATIENCE, served

SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to keep them in
SHOWN = os.environ.get("PICTURE")  # another picture for them, with two codes


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the page showed, see ``browser.py``."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "photo.png").write_bytes(encoded(picture(["one", "two"])))
    (folder / "notes.txt").write_text("no picture")
    command = [sys.executable, str(Path(__file__).with_name("browser.py"))]
    with served(folder, "scales=[1]") as service:
        files = [SHOWN or str(folder / "photo.png"), str(folder / "notes.txt")]
        found = httpx2.post(f"{service.address}/predict", content=Path(files[0]).read_bytes(), timeout=PATIENCE).json()
        cells = sum(len(code["keypoint_scores"]) for code in found)
        arguments = [service.address, SCREENSHOTS or str(folder), *files]
        answer = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False, timeout=5 * PATIENCE, cwd=CHECKOUT
        )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout) | {"address": service.address, "cells": cells}


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("PySide6") is None, reason="needs a browser: pip install 'cellmark[browser]'"),
]


@pytest.mark.parametrize("way", ["keyboard", "mouse", "dropped"])
def test_a_photograph_shows_its_cells_and_texts_however_it_comes(told, way):
    shown = told[way]
    assert shown["alert"] is None and shown["status"].endswith(" s.")
    assert "2 codes read" in shown["status"] and f"{told['cells']} cells found" in shown["status"]
    assert sorted(shown["texts"]) == ["one", "two"] and shown["outlines"] == 2
    assert sum(shown["dots"]) == 2 * told["cells"] > 300  # each has a rim
    assert shown["colours"] == ["#fff", "#000", "#000", "#fff"] * 2
    assert shown["viewBox"] == "0 0 256 128"
    assert (shown["focused"] == "file") == (way != "dropped" or told["mouse"]["focused"] == "file")


def test_a_code_is_shown_closely(told):
    left, top, width, height = map(float, told["closely"]["viewBox"].split())
    assert width < 256 / 1.4 and np.isclose(width, height, rtol=0.1) and -50 < left < 256 and -50 < top < 100


def test_what_is_no_picture_is_told_as_such(told):
    assert "notes.txt: the body is no picture that can be read" in told["refused"]["alert"]
    assert told["refused"]["texts"] == [] and told["refused"]["status"] == ""


def test_it_follows_the_systems_dark_colours(told):
    assert told["dark"] is True


def test_it_asks_nobody_else_and_has_no_errors(told):
    own = (told["address"], "blob:", "data:")
    assert [address for address in told["addresses"] if not address.startswith(own)] == []
    assert {f"{told['address']}/{name}" for name in ("", "page.js", "picture.js", "page.css")} <= set(told["addresses"])
    assert [message for message in told["messages"] if "422" not in message] == []
