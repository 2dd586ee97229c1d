import logging

import numpy as np
import pytest

from cellmark.data.check import MOST_LISTED, check, count, load_root
from cellmark.errors import CellmarkError
from tests.data.broken import TABLE, VISIBILITY, edit, sound_folder


@pytest.fixture
def root(tmp_path):
    for name in ("a", "b"):
        sound_folder(tmp_path / name)
    return tmp_path


def test_a_sound_root_is_loaded_without_a_word(root, caplog, capsys):
    folders = load_root(root, VISIBILITY)
    assert [(folder.name, len(folder.images)) for folder in folders] == [("a", 4), ("b", 4)]
    assert not caplog.records and capsys.readouterr() == ("", "")


def test_counts_are_per_class(root):
    folder = check(root, VISIBILITY)[0][0]
    counts = count(folder, VISIBILITY)
    assert (counts.name, counts.images, counts.codes) == ("a", 4, 4)
    assert counts.cells == (12, 8) and counts.not_labelled == 4
    assert count(folder, {0: None, 1: 0, 2: 0}).cells == (20,)


def test_a_problem_stops_the_loading(root):
    edit(root / "b", lambda c: c["annotations"][1].update(area=-1))
    with pytest.raises(CellmarkError, match="1 problem in the data") as caught:
        load_root(root, VISIBILITY)
    assert f"{root / 'b' / 'annotations.json'}: annotation 2: area is -1" in str(caught.value)


def test_the_first_problems_are_listed_and_the_rest_counted(root):
    edit(root / "a", lambda c: c["annotations"].extend([None] * 33))
    with pytest.raises(CellmarkError) as caught:
        load_root(root, VISIBILITY)
    message = str(caught.value)
    assert "33 problems in the data" in message and "... and 13 more" in message
    assert message.count("is None, not an object") == MOST_LISTED


@pytest.mark.parametrize("broken", [b for b in TABLE if b.lost == (2,)], ids=lambda broken: broken.name)
def test_skipping_leaves_out_exactly_the_bad_images_and_logs_them(root, caplog, broken):
    broken.apply(root / "b")
    with caplog.at_level(logging.WARNING):
        folders = load_root(root, VISIBILITY, on_error="skip")
    assert [len(folder.images) for folder in folders] == [4, 3]
    (record,) = caplog.records
    assert "1 problems, 7 sound images kept" in record.getMessage()
    assert broken.reason in record.getMessage() and broken.record in record.getMessage()


def test_skipping_drops_a_folder_of_which_nothing_is_left(root):
    (root / "a" / "annotations.json").write_text("{")
    assert [folder.name for folder in load_root(root, VISIBILITY, on_error="skip")] == ["b"]


def test_skipping_everything_is_an_error(root):
    for name in ("a", "b"):
        (root / name / "annotations.json").write_text("{")
    with pytest.raises(CellmarkError, match="Nothing is left to load"):
        load_root(root, VISIBILITY, on_error="skip")


def test_a_root_without_images_is_an_error(tmp_path):
    edit(sound_folder(tmp_path / "a"), lambda c: c.update(images=[], annotations=[]))
    with pytest.raises(CellmarkError, match="hold no image"):
        load_root(tmp_path, VISIBILITY)
    assert count(check(tmp_path, VISIBILITY)[0][0], VISIBILITY).cells == (0, 0)


def test_an_unknown_way_to_treat_errors_is_refused(root):
    with pytest.raises(CellmarkError, match=r"data\.on_error is 'ignore'"):
        load_root(root, VISIBILITY, on_error="ignore")


def test_a_bar_is_shown_on_a_terminal_only(root, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert len(check(root, VISIBILITY)[0]) == 2
    assert "checking" in capsys.readouterr().err


def test_keypoints_keep_their_v(root):
    code = load_root(root, VISIBILITY, decode=False)[0].images[0].codes[0]
    assert np.unique(code.keypoints[:, 2]).tolist() == [0, 1, 2]
