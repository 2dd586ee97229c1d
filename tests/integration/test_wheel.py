"""A wheel installed somewhere else trains without the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cellmark.files import write_image
from tests.reading.drawn import picture

CHECKOUT = Path(__file__).parents[2]


def call(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_wheel_trains_and_reads_in_another_folder(tmp_path, plain_root):
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), folder=CHECKOUT)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert (tmp_path / "site/cellmark/conf/train.yaml").is_file()
    assert (tmp_path / "site/cellmark/reading/default/reader.safetensors").stat().st_size <= 10_000_000
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = "import sys, cellmark; assert cellmark.__file__.startswith(sys.argv.pop(1))"
    code += "; from cellmark.cli.main import main; main('train')"
    overrides = [f"data.root={plain_root}", "data.val_folder=0", "data.size=[64,64]", "data.num_workers=0"]
    overrides += ["backbone.widths=[8,8]", "backbone.blocks=[0,0]", "trainer.max_epochs=1"]
    site = str(tmp_path / "site")
    call(sys.executable, "-c", code, site, *overrides, folder=elsewhere, PYTHONPATH=site)
    write_image(elsewhere / "code.png", picture(["one"]))
    code = code.replace("main('train')", "main('read')")
    read = call(sys.executable, "-c", code, site, "code.png", "engine=network", folder=elsewhere, PYTHONPATH=site)
    assert json.loads(read.stdout)["text"] == "one"
    (summary,) = elsewhere.glob("outputs/train/cells/*/summary.json")
    assert summary.stat().st_size > 100
