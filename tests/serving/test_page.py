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

from tests.reading.drawn import picture
from tests.serving.clients import encoded
from tests.serving.processes import PATIENCE, served

WINDOWLESS = {"QT_QPA_PLATFORM": "offscreen", "QT_QUICK_BACKEND": "software"}
FLAGS = "--no-sandbox --disable-gpu --disable-dev-shm-usage"  # of Chromium, which otherwise refuses to run as root
SCHEMES = {"light": FLAGS, "dark": f"{FLAGS} --force-dark-mode --blink-settings=preferredColorScheme=0"}
SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to keep them in


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the page showed in light and in dark colours, see ``browser.py``; what the service answers; its address."""
    folder = tmp_path_factory.mktemp("page")
    content = encoded(picture(["one", "two"]))
    (folder / "photo.png").write_bytes(content)
    (folder / "notes.txt").write_text("no picture")
    script, shown = str(Path(__file__).with_name("browser.py")), {}
    with served(folder, "scales=[1]") as service:
        found = httpx2.post(f"{service.address}/predict", content=content, timeout=PATIENCE).json()
        for scheme, flags in SCHEMES.items():
            arguments = [scheme, service.address, SCREENSHOTS or str(folder), "photo.png", "notes.txt"]
            answer = subprocess.run(
                [sys.executable, script, *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=5 * PATIENCE,
                cwd=folder,
                env=os.environ | WINDOWLESS | {"QTWEBENGINE_CHROMIUM_FLAGS": flags},
            )
            assert answer.returncode == 0, answer.stderr
            shown[scheme] = json.loads(answer.stdout)
    cells = sum(len(code["keypoint_scores"]) for code in found)
    return shown["light"] | {"dark": shown["dark"], "cells": cells, "address": service.address}


HAS_BROWSER = find_spec("PySide6") is not None and find_spec("PySide6.QtWebEngineCore") is not None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_BROWSER, reason="needs a browser: pip install 'cellmark[browser]'"),
]


@pytest.mark.parametrize("way", ["keyboard", "mouse", "dropped"])
def test_a_photograph_shows_its_cells_and_texts_however_it_comes(told, way):
    shown = told[way]
    name = "dropped.jpg" if way == "dropped" else "photo.png"
    assert shown["status"].startswith(f"{name}: 2 codes read, {told['cells']} cells found, after ")
    assert shown["alert"] is None and shown["texts"] == ["one", "two"] and shown["outlines"] == 2
    assert sum(shown["dots"]) == 2 * told["cells"] > 300  # each has a rim
    assert shown["colours"] == ["#fff", "#000", "#000", "#fff"] * 2
    assert shown["viewBox"] == "0 0 256 128"
    assert way != "keyboard" or shown["focused"] == "file"


def test_a_code_is_shown_closely(told):
    left, top, width, height = map(float, told["closely"]["viewBox"].split())
    assert width < 256 / 1.4 and np.isclose(width, height, rtol=0.1) and -50 < left < 256 and -50 < top < 100


def test_what_is_no_picture_is_told_once(told):
    expected = "notes.txt: the body is no picture that can be read: does not decode: not a picture in a known format"
    assert told["refused"]["alert"] == expected
    assert told["refused"]["texts"] == [] and told["refused"]["status"] == ""


def test_it_follows_the_systems_colours(told):
    assert told["ground"] == "rgb(244, 246, 248)" and told["dark"]["ground"] == "rgb(14, 17, 21)"
    assert told["dark"]["keyboard"]["texts"] == ["one", "two"]


def test_it_asks_nobody_else_and_has_no_errors(told):
    own = (told["address"], "blob:")
    assert [address for address in told["addresses"] if not address.startswith(own)] == []
    assert {f"{told['address']}/{name}" for name in ("", "page.js", "picture.js", "page.css")} <= set(told["addresses"])
    assert told["messages"] == []
