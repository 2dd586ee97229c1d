import json
import os

import pytest
from hydra.utils import instantiate

from cellmark.cli import dataset_show
from cellmark.cli.configs import config_folder
from cellmark.cli.job import run_verb
from cellmark.data.batch import MIN_ROWS
from cellmark.data.check import load_root
from cellmark.data.dataset import load_sample
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed
from tests.data.broken import VISIBILITY, edit, sound_folder
from tests.viz.test_page import Parsed

OVERALL = ["overview.png", "statistics.png", "statistics.json", "index.html"]


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        sound_folder(tmp_path / "root" / name)
    return tmp_path / "root"


def show(root, target, *settings):
    return run_verb("dataset_show", composed("dataset_show", f"data.root={root}", f"output_dir={target}", *settings))


def names(*folders, kinds=("", "_targets", "_augmented")):
    return [f"{folder}{kind}.png" for folder in folders for kind in kinds] + OVERALL


def test_show_writes_sheets_statistics_and_a_page(root, tmp_path, capsys):
    assert show(root, tmp_path / "sheets", "size=[64,96]") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "sheets" / name) for name in names("a", "b")]
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == sorted(names("a", "b"))
    pictures = [read_image(path) for path in (tmp_path / "sheets").glob("*.png")]
    assert all(picture.std() > 10 and picture.shape[1] > 1500 for picture in pictures)
    parsed = Parsed((tmp_path / "sheets/index.html").read_text("utf-8"))
    told = "\n".join(parsed.texts)
    assert {"a", "b", "root", str(root)} <= {text.removeprefix("Data set ") for text in parsed.texts}
    assert "nothing was left out" in told and "96 x 64 px" in told and "RandomGamma" in told
    images = sum(tag == "img" for tag, _ in parsed.elements)
    assert images == 2 * 2 * 4 + 1 + 2 * (4 + 3 * 5 + 3 * 10)  # overview, chart, cells, targets, augmented


def test_the_numbers_are_there_for_programs(root, tmp_path):
    edit(root / "b", lambda content: content["annotations"].pop())
    show(root, tmp_path / "sheets", "size=[64,96]", "augment=none")
    content = json.loads((tmp_path / "sheets/statistics.json").read_text())
    assert (
        [row["folder"] for row in content["folders"]] == ["a", "b"]
        and content["problems"] == []
        and content["images_left_out"] == 0
    )
    first, second = content["folders"]
    assert first["cells"] == {"black": 12, "white": 8} and second["cells"] == {"black": 9, "white": 6}
    assert content["all"]["cells"] == {"black": 21, "white": 14} and content["all"]["images_without_code"] == 1
    assert first["not_labelled"] == first["not_labelled_in_the_image"] == 4
    assert {finding["folder"] for finding in content["findings"]} == {"a", "b"}
    assert any("1 image holds no code" in finding["text"] for finding in content["findings"])


def test_without_augmentation_there_is_no_preview(root, tmp_path, capsys):
    assert show(root, tmp_path / "sheets", "augment=none", "images=2") == 0
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "sheets" / name) for name in names("a", "b", kinds=("", "_targets"))
    ]


def test_one_class_of_cells_has_one_panel(root, tmp_path):
    show(root, tmp_path / "one", "mode=unified", "augment=none", "size=[64,64]")
    show(root, tmp_path / "two", "augment=none", "size=[64,64]")
    one, two = (read_image(tmp_path / name / "a_targets.png") for name in ("one", "two"))
    assert two.shape[1] - one.shape[1] == 320 + 8
    assert json.loads((tmp_path / "one/statistics.json").read_text())["all"]["contrast"] is None


def test_what_is_left_out_is_told(root, tmp_path, capsys, caplog):
    (root / "a" / "0.png").write_bytes(b"")
    edit(root / "b", lambda content: content["annotations"][2]["keypoints"].pop())
    (root / "empty").mkdir()
    (root / "empty/annotations.json").write_text('{"images": [], "annotations": [], "categories": []}')
    show(root, tmp_path / "sheets", "augment=none")
    told = "\n".join(Parsed((tmp_path / "sheets/index.html").read_text()).texts)
    assert (
        "3 problems in the data:" in told
        and "2 images are left out of" in told
        and "the file is empty" in told
        and "17 numbers" in told
    )
    assert f"{root / 'empty'}: holds no image" in told
    assert "3 problems, 2 images left out" in caplog.text
    content = json.loads((tmp_path / "sheets/statistics.json").read_text())
    assert len(content["problems"]) == 3 and content["images_left_out"] == 2
    assert [row["images"] for row in content["folders"]] == [3, 3]


def test_without_a_sound_image_there_is_nothing_to_show(tmp_path):
    (sound_folder(tmp_path / "root/a") / "annotations.json").write_text("{")
    with pytest.raises(CellmarkError, match=r"(?s)no sound image to show.*JSON is cut off"):
        show(tmp_path / "root", tmp_path / "sheets")
    assert not (tmp_path / "sheets").exists()


@pytest.mark.parametrize("target", ["root", "root/sheets", "root/a", "."])
def test_sheets_do_not_come_among_the_data(target, root, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CellmarkError, match=r"output_dir=.*(lies in|holds) the input"):
        show(root, tmp_path / target)
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_is_overwritten(root, tmp_path):
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets/index.html").write_text("mine")
    with pytest.raises(CellmarkError, match="nothing is overwritten"):
        show(root, tmp_path / "sheets")
    assert [path.read_text() for path in (tmp_path / "sheets").iterdir()] == ["mine"]


def test_the_folder_appears_whole_or_not_at_all(root, tmp_path, monkeypatch):
    def fail(page):
        raise CellmarkError("no page")

    monkeypatch.setattr(dataset_show, "render", fail)
    with pytest.raises(CellmarkError, match="no page"):
        show(root, tmp_path / "sheets", "augment=none")
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


@pytest.mark.parametrize("name", ["overview", "statistics", "a_targets"])
def test_two_sheets_of_one_name_are_refused(name, root, tmp_path):
    (root / "b").rename(root / name)
    with pytest.raises(CellmarkError, match=f"two sheets would be called {name}"):
        show(root, tmp_path / "sheets")
    assert not (tmp_path / "sheets").exists()


def test_a_sheet_whose_name_would_be_too_long_is_refused(root, tmp_path):
    (root / "b").rename(root / ("é" * 121))
    with pytest.raises(CellmarkError, match=r"é_augmented.png, a name of 256 bytes, more than the 255 .* rename"):
        show(root, tmp_path / "sheets", "size=[32,32]")
    assert not (tmp_path / "sheets").exists()
    assert show(root, tmp_path / "sheets", "size=[32,32]", "augment=none") == 0  # which needs no such sheet


@pytest.mark.parametrize("name", sorted(path.stem for path in (config_folder() / "augment").iterdir()))
def test_the_least_size_can_be_shown(name, root, tmp_path):
    folder, least = load_root(root, VISIBILITY)[0], (MIN_ROWS, MIN_ROWS)
    augment = instantiate(composed("dataset_show", f"augment={name}").augment)
    samples = [load_sample("a", record, least, VISIBILITY) for record in folder.images]
    for seed in range(200):
        assert augment(samples[seed % len(samples)], seed).image.shape == (*least, 3)
    if name == "basic":
        assert show(root, tmp_path / "sheets", f"size={list(least)}") == 0


def test_names_may_hold_any_characters(root, tmp_path, capsys):
    name = '<script>"&$x été \u202e' + os.fsdecode(b"\xff")
    (root / "b").rename(root / name)
    (root / "a/1.png").rename(root / "a/<u>&'\".png")
    edit(root / "a", lambda content: content["images"][1].update(file_name="<u>&'\".png"))
    show(root, tmp_path / "sheets", "augment=none")
    assert (tmp_path / "sheets" / f"{name}.png").is_file()
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "sheets/index.html")
    parsed = Parsed((tmp_path / "sheets/index.html").read_text("utf-8"))
    assert not {"script", "u"} & {tag for tag, _ in parsed.elements}
    assert "<u>&'\".png: 5 cells" in parsed.texts and repr(name)[1:-1] in parsed.texts


def test_what_is_shown_is_what_training_makes():
    train, show_config = composed("train", "data.root=x"), composed("dataset_show", "data.root=x")
    assert show_config.codec == train.task.codec
    assert show_config.size == train.data.size
    assert show_config.stride == train.decoder.max_stride
    assert show_config.augment == train.augment


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("images=0", "images=0: a whole number from 1 up"),
        ("images=1.5", "images=1.5: a whole number from 1 up"),
        ("images=many", "images=many: a whole number from 1 up"),
        ("stride=0", "stride=0: a whole number from 1 up"),
        ("seed=-1", "seed=-1: a whole number from 0 up"),
        ("size=[256]", r"size=\[256\]: height and width"),
        ("size=[256,0]", "size=0: a whole number from 8 up"),
        ("size=[7,256]", "size=7: a whole number from 8 up"),
        ("+colour=red", "nothing reads the key colour"),
        ("+codec.sigmas=1", "nothing reads the key codec.sigmas"),
    ],
)
def test_show_refuses_what_it_cannot_draw(setting, message, root, tmp_path):
    with pytest.raises(CellmarkError, match=message):
        show(root, tmp_path / "sheets", setting)
    assert not (tmp_path / "sheets").exists()
