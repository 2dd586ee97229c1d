import json
import signal
from pathlib import Path

import pytest

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.conftest import write_plain_folders
from tests.killing import contents, kill_half_way, run_to_the_end


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_plain_folders(tmp_path / "root", folders=2, images=2)


def warp(root: Path, *overrides: str) -> None:
    run_verb("dataset_warp", composed("dataset_warp", f"data.root={root}", "workers=1", *overrides))


def test_a_dry_run_lists_and_writes_nothing(root, capsys):
    before = contents(root)
    warp(root, "dry_run=true")
    lines = capsys.readouterr().out.splitlines()
    assert contents(root) == before and not list(root.rglob(".*"))
    warp(root)
    made = {str(file) for file in root.rglob("c*_*.png")}
    assert set(lines[:-1]) == made and len(lines) == 9
    assert lines[-1] == "8 images would be written, 0 are there already; nothing was written"
    capsys.readouterr()
    warp(root, "dry_run=true")
    assert capsys.readouterr().out == "0 images would be written, 8 are there already; nothing was written\n"


def test_a_second_run_says_that_all_is_there(root, capsys):
    warp(root)
    assert "8 images written, 0 were there already; " in capsys.readouterr().out
    before = contents(root)
    warp(root)
    assert "0 images written, 8 were there already in" in capsys.readouterr().out
    assert contents(root) == before


def test_settings_reach_the_pictures(root, tmp_path):
    settings = ["variants=elementary", "folders=[fold1]", "degrees=[90,90]", "border=reflect", "seed=5"]
    warp(root, f"output_dir={tmp_path / 'new'}", *settings)
    images = json.loads((tmp_path / "new/fold1/annotations.json").read_text())["images"]
    turned = [image for image in images if image.get("variant") == ["rotated1"]]
    assert len(images) == 10 and len(turned) == 2
    assert turned[0]["variant_settings"] == {"seed": 5, "degrees": [90.0, 90.0], "border": "reflect"}
    assert len(list((tmp_path / "new/fold0").glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("variants=some", "variants='some': not one of warps"),
        ("seed=-1", "seed=-1: a whole number from 0 up"),
        ("workers=0", "workers=0: at least 1"),
        ("folders=fold0", r"folders=fold0: a list is needed, as in \[fold0\]"),
        ("folders=[fold7]", "no folder fold7 to make variants in; there are fold0, fold1"),
        ("dry_run=maybe", "dry_run=maybe: true or false"),
        ("degrees=90", "degrees=90.*: two numbers each"),
        ("degrees=[90,0]", "first <= second"),
        ("wrinkles=2.5", "wrinkles=2.5: a whole number"),
        ("curvature=much", "curvature=much: a number is needed"),
        ("border=black", "border='black': not one of white, reflect, replicate"),
        ("+colour=red", "nothing reads the key colour"),
    ],
)
def test_what_cannot_be_done_is_refused(setting, message, root):
    before = contents(root)
    with pytest.raises(CellmarkError, match=message):
        warp(root, setting)
    assert contents(root) == before


def test_killed_half_way_it_leaves_everything_as_it_was(tmp_path):
    root = write_plain_folders(tmp_path / "root", folders=2, images=40)
    before = contents(root)
    arguments = ["dataset_warp", f"data.root={root}", "variants=all", "workers=2"]
    status, _ = kill_half_way(arguments, lambda: len(list(root.rglob(".dataset_warp.*/*.png"))), least=100)
    assert status == -signal.SIGKILL
    assert contents(root) == before
    left = [path for path in root.rglob("*.partial") if path.is_dir()]
    assert left and 100 <= sum(1 for path in left for _ in path.iterdir()) < 2 * 40 * 14
    assert "1120 images written, 0 were there already" in run_to_the_end(arguments)
    assert not list(root.rglob("*.partial"))
    assert {name: data for name, data in contents(root).items() if name in before and name.endswith("png")} == {
        name: data for name, data in before.items() if name.endswith("png")
    }


@pytest.mark.parametrize(("by", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_says_so_and_clears_away_what_it_began(by, status, tmp_path):
    root = write_plain_folders(tmp_path / "root", folders=1, images=60)
    before = contents(root)
    begun = lambda: len(list(root.rglob(".dataset_warp.*/*.png")))  # noqa: E731
    arguments = ["dataset_warp", f"data.root={root}", "variants=all", "workers=2"]
    assert kill_half_way(arguments, begun, 20, by) == (status, "cellmark dataset_warp: interrupted\n")
    assert contents(root) == before and not list(root.rglob("*.partial"))


def test_a_new_root_appears_whole_or_not_at_all(tmp_path):
    root = write_plain_folders(tmp_path / "root", folders=1, images=60)
    before = contents(root)
    arguments = ["dataset_warp", f"data.root={root}", "variants=all", f"output_dir={tmp_path / 'new'}"]
    kill_half_way(arguments, lambda: len(list(tmp_path.glob(".new.*/fold0/c*_*.png"))), least=100)
    assert contents(root) == before and not (tmp_path / "new").exists()
    run_to_the_end(arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "root"]
    assert len(list((tmp_path / "new/fold0").glob("*.png"))) == 60 * 15


def test_a_synthetic_set_appears_whole_or_not_at_all(tmp_path):
    arguments = ["dataset_synth", f"output_dir={tmp_path / 'set'}", "images_per_folder=12", "size=128", "workers=2"]
    kill_half_way(arguments, lambda: len(list(tmp_path.glob(".set.*/*/*.png"))), least=10)
    assert not (tmp_path / "set").exists()
    run_to_the_end(arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
