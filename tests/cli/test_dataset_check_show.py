import subprocess
import sys

import pytest

from cellmark.cli.dataset_show import evenly
from cellmark.cli.main import run_verb
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.data.broken import edit, sound_folder


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        sound_folder(tmp_path / "root" / name)
    return tmp_path / "root"


def test_check_counts_a_sound_root(root, capsys):
    assert run_verb("dataset_check", composed("dataset_check", f"data.root={root}")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{root}: no problems"
    (total,) = [line for line in lines if " all " in line]
    assert [cell.strip() for cell in total.strip("│").split("│")] == ["all", "8", "8", "24", "16", "8", "0"]


def test_check_prints_every_problem_in_full_and_exits_with_one(root):
    name = "very " * 60 + "long [/b] é.png"
    edit(root / "b", lambda c: c["images"][1].update(file_name=name, width="\ud800"))
    (root / "a" / "2.png").unlink()
    command = [sys.executable, "-m", "cellmark.cli.main", "dataset_check", f"data.root={root}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 1 and "Traceback" not in answer.stderr
    lines = [line for line in answer.stdout.splitlines() if line.startswith("│")]
    assert any("a/2.png" in line and "image 3 (2.png)" in line and "no such file" in line for line in lines)
    assert any("b/annotations.json" in line and r"width is '\ud800'" in line for line in lines)
    assert any(f"b/{name}" in line and "File name too long" in line for line in lines)
    assert answer.stdout.splitlines()[-1].endswith(": 3 problems")


def test_show_writes_a_sheet_for_each_folder(root, tmp_path, capsys):
    (root / "a" / "0.png").write_bytes(b"")
    settings = [f"data.root={root}", f"output_dir={tmp_path / 'sheets'}", "images=3"]
    assert run_verb("dataset_show", composed("dataset_show", *settings)) == 0
    paths = [tmp_path / "sheets" / name for name in ("a.png", "b.png", "overview.png")]
    assert capsys.readouterr().out.split() == list(map(str, paths))
    assert all(read_image(path).std() > 10 for path in paths)


def test_show_needs_a_number_of_images(root, tmp_path):
    for value in ("0", "1.5", "many"):
        config = composed("dataset_show", f"data.root={root}", f"output_dir={tmp_path}", f"images={value}")
        with pytest.raises(CellmarkError, match="a whole number from 1 up"):
            run_verb("dataset_show", config)


def test_images_are_chosen_evenly():
    assert evenly(range(10), 4) == [0, 3, 6, 9]
    assert evenly(range(3), 12) == [0, 1, 2]
    assert evenly(range(0), 12) == []
