import contextlib
import logging
import re

import numpy as np
import pytest

from cellmark.data.check import MOST_LISTED, check, count, load_root
from cellmark.errors import CellmarkError
from tests.data.broken import EVERY, IMAGES, TABLE, VISIBILITY, edit, sound_folder


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


def number(line):
    """Which of the four images a line of the log is about; their ids may be wrong, their places in the file not."""
    if by_id := re.search(r": image (?!1 \(1)(\d+)[ :]", line):
        return int(by_id[1])
    by_place = re.search(r": images\[(\d)\]", line)
    return 1 + int(by_place[1] if by_place else re.search(r"(\d)\.png", line)[1])


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_every_image_is_kept_or_logged_with_a_reason(root, caplog, broken):
    broken.apply(root / "b")
    with caplog.at_level(logging.WARNING):
        folders = load_root(root, VISIBILITY, on_error="skip")
    kept = {int(record.path.stem) + 1 for folder in folders[1:] for record in folder.images}
    (record,) = caplog.records
    head, _, lines = record.getMessage().partition("\nLeft out:\n")
    assert f"{4 + len(kept)} sound images kept, {4 - len(kept)} left out" in head
    logged = [number(line) for line in lines.splitlines()]
    assert sorted(logged) == sorted(set(EVERY) - kept) == sorted(broken.lost)
    assert all(line.startswith(str(root)) and not line.endswith(": ") for line in lines.splitlines())


def test_an_image_left_out_for_another_records_sake_is_logged_with_that_reason(root, caplog):
    def change(content):
        content["annotations"][2]["area"] = -1
        content["annotations"].pop(3)
        content["annotations"].append(content["annotations"][0] | {"id": 9, "image_id": 77})

    edit(root / "b", change)
    load_root(root, VISIBILITY, on_error="skip")
    _, _, lines = caplog.text.partition("Left out:\n")
    assert lines.splitlines() == [
        f"{root}/b/2.png: image 3 (2.png): annotation 3: area is -1, not a finite number from 0 up",
        f"{root}/b/3.png: image 4 (3.png): it has no code, and annotation 9 belongs to no known image",
    ]


def test_the_images_of_a_lost_folder_are_logged(root, caplog):
    (root / "b" / "annotations.json").unlink()
    load_root(root, VISIBILITY, on_error="skip")
    _, _, lines = caplog.text.partition("Left out:\n")
    expected = [f"{root}/b/{index}.png: b: holds images but no annotations.json" for index in range(4)]
    assert lines.splitlines() == expected


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


def test_the_bar_also_tells_that_the_json_is_read(root, monkeypatch):
    told = []
    monkeypatch.setattr("cellmark.data.check.progress_bar", lambda: contextlib.nullcontext(lambda *a: told.append(a)))
    monkeypatch.setattr("cellmark.data.index.OFTEN", 2)
    assert len(check(root, VISIBILITY)[0]) == 2
    objects = 1 + IMAGES + IMAGES + 2  # the file, its images, annotations, category, info
    reading = [(done, total) for what, done, total in told if what == "reading b/annotations.json"]
    assert reading == [*((done, None) for done in range(0, objects + 1, 2)), (0, IMAGES), (2, IMAGES)]
    assert [done for what, done, _ in told if what == "checking b"] == [1, 2, 3, 4]


def test_keypoints_keep_their_v(root):
    code = load_root(root, VISIBILITY, decode=False)[0].images[0].codes[0]
    assert np.unique(code.keypoints[:, 2]).tolist() == [0, 1, 2]
