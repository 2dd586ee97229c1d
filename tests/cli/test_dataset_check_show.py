import subprocess
import sys

import pytest

from cellmark.cli.dataset_show import evenly, versions
from cellmark.cli.main import run_verb
from cellmark.data.augment import Augment
from cellmark.data.augmentation.projective import Rotation
from cellmark.data.augmentation.warp import Warp
from cellmark.data.check import load_root
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.data.broken import VISIBILITY, edit, sound_folder


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


def test_show_draws_what_a_network_will_be_fed(root, tmp_path, capsys):
    (root / "b").rename(tmp_path / "b")
    overrides = [f"data.root={root}", f"output_dir={tmp_path / 'sheets'}", "augment=strong", "size=[96,64]"]
    assert run_verb("dataset_show", composed("dataset_show", *overrides)) == 0
    names = ["a.png", "a_augmented.png", "overview.png"]
    assert capsys.readouterr().out.split() == [str(tmp_path / "sheets" / name) for name in names]
    sheet = read_image(tmp_path / "sheets" / "a_augmented.png")
    assert sheet.shape[1] > 5 * 300 and sheet.shape[0] > 8 * 300  # 4 images, 5 versions, cells and heatmaps


def test_versions_are_drawn_anew_for_each_image_folder_and_seed(root):
    folder, augment = load_root(root, VISIBILITY)[0], Augment([Warp([Rotation([-180, 180])])])

    def angles(*seed):
        rows = versions(folder, augment, (64, 96), VISIBILITY, seed)
        assert [len(row) for row in rows] == [5] * 4
        return [row[number].points[:2].round(3).tolist() for row in rows for number in range(1, 5)]

    assert angles(1, 0) == angles(1, 0)
    drawn = angles(1, 0) + angles(1, 1) + angles(2, 0)
    assert all(one != other for number, one in enumerate(drawn) for other in drawn[:number])


def test_the_targets_shown_are_those_of_training():
    train, show = composed("train", "data.root=x"), composed("dataset_show", "data.root=x")
    assert show.codec == train.task.codec
    assert show.size == train.data.size
    assert show.stride == train.decoder.max_stride
    assert show.augment.transforms == []


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("images=0", "images=0: a whole number from 1 up"),
        ("images=1.5", "images=1.5: a whole number from 1 up"),
        ("images=many", "images=many: a whole number from 1 up"),
        ("stride=0", "stride=0: a whole number from 1 up"),
        ("seed=-1", "seed=-1: a whole number from 0 up"),
        ("size=[256]", r"size=\[256\]: height and width"),
        ("size=[256,0]", "size=0: a whole number from 1 up"),
        ("+colour=red", "nothing reads the key colour"),
        ("+codec.sigmas=1", "nothing reads the key codec.sigmas"),
    ],
)
def test_show_refuses_what_it_cannot_draw(setting, message, root, tmp_path):
    config = composed("dataset_show", f"data.root={root}", f"output_dir={tmp_path / 'sheets'}", setting)
    with pytest.raises(CellmarkError, match=message):
        run_verb("dataset_show", config)
    assert not (tmp_path / "sheets").exists()


def test_images_are_chosen_evenly():
    assert evenly(range(10), 4) == [0, 3, 6, 9]
    assert evenly(range(3), 12) == [0, 1, 2]
    assert evenly(range(0), 12) == []
