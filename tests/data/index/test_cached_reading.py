import os

import numpy as np
import pytest

from cellmark.data import index_store
from cellmark.data.coco import read_folder, read_folders
from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.file_names import state_of
from cellmark.files import write_image
from tests.data.broken import EVERY, KEYPOINTS, TABLE, VISIBILITY, edit
from tests.data.index.comparing import everything, ids, later

RACY = index_store.RACY


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_what_is_kept_is_what_is_found_anew(folder, broken):
    broken.apply(folder)
    fresh = everything(folder)
    assert everything(folder, cache=True) == fresh
    assert everything(folder, cache=True) == fresh
    assert everything(folder, cache=True, decode=False) == everything(folder, decode=False)


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_what_breaks_afterwards_is_found(folder, broken):
    everything(folder, cache=True)
    later()
    broken.apply(folder)
    assert everything(folder, cache=True) == everything(folder)


def test_nothing_is_read_twice(folder, cache, decoded, monkeypatch):
    first = everything(folder, cache=True)
    assert len(decoded) == 4 and len(list(cache.iterdir())) == 1
    kept = next(cache.iterdir()).stat().st_ino
    monkeypatch.setattr("cellmark.data.coco.read_index", None)  # whoever calls it fails
    assert everything(folder, cache=True) == first
    assert len(decoded) == 4 and next(cache.iterdir()).stat().st_ino == kept


def test_a_new_process_reads_nothing_either(folder, decoded):
    first = everything(folder, cache=True)
    index_store._code.cache_clear()
    assert everything(folder, cache=True) == first and len(decoded) == 4


def test_a_second_training_reads_what_is_kept(folder, decoded):
    for _ in range(2):
        module = FoldersDataModule(str(folder.parent), ["black", "white"])
        module.setup("test")
        assert module.counts()["test"] == 4
    assert len(decoded) == 4


def test_keypoints_of_a_kept_index_may_be_changed_like_others(folder):
    for _ in range(2):
        keypoints = read_folder(folder, VISIBILITY, cache=True)[0].images[1].codes[0].keypoints
        np.testing.assert_array_equal(keypoints, KEYPOINTS)
        keypoints += 1


def test_the_name_of_the_folder_may_be_written_otherwise(folder, decoded, monkeypatch, tmp_path):
    edit(folder, lambda c: c["annotations"][1].update(area=-1))
    everything(folder, cache=True)
    (tmp_path / "link").symlink_to(folder.parent)
    linked = tmp_path / "link" / "fold"
    assert everything(linked, cache=True) == everything(linked, cache=False)
    monkeypatch.chdir(folder.parent)
    relative = everything(folder.relative_to(folder.parent), cache=True)
    assert str(relative[4][0].file) == "fold/annotations.json"
    assert len(decoded) == 8  # the first time, and the time without a cache


def test_json_changed_under_its_old_size_and_time_is_read_again(folder, decoded):
    everything(folder, cache=True)
    file = folder / "annotations.json"
    before = file.stat()
    later()
    file.write_text(file.read_text().replace("9.5,", "8.5,"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    found = everything(folder, cache=True)
    assert found == everything(folder, decode=False) and found[2][0][1][0][-1][1][0] == 8.5
    assert len(decoded) == 4  # the images are what they were


def _same_size(path):
    state, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:60] + bytes(10) + content[70:])
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def _renamed(path):
    write_image(path.with_name("new.png"), np.zeros((5, 5), np.uint8))
    path.with_name("new.png").rename(path)


def _linked(path):
    outside = path.parents[2] / "outside.png"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)


def _folder_linked(path):
    path.parent.rename(path.parents[2] / "elsewhere")
    path.parent.symlink_to(path.parents[2] / "elsewhere")


@pytest.mark.parametrize(
    ("change", "reason", "reads"),
    [
        (_same_size, "wrong checksum", 1),
        (_renamed, "has 5 x 5 pixels", 1),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "truncated", 1),
        (lambda path: path.unlink(), "no such file", 0),
        (_linked, "is a link that leaves", 0),
    ],
)
def test_one_changed_image_is_looked_at_again(folder, decoded, change, reason, reads):
    assert ids(everything(folder, cache=True)) == list(EVERY)
    later()
    decoded.clear()
    change(folder / "1.png")
    for _ in range(2):
        found = everything(folder, cache=True)
        assert ids(found) == [1, 3, 4] and reason in found[4][0].reason
    assert set(decoded) == ({"1.png"} if reads else set())


def test_a_folder_of_images_that_leads_elsewhere_is_noticed(folder, decoded):
    (folder / "deep").mkdir()
    (folder / "1.png").rename(folder / "deep" / "1.png")
    edit(folder, lambda c: c["images"][1].update(file_name="deep/1.png"))
    assert ids(everything(folder, cache=True)) == list(EVERY)
    decoded.clear()
    (folder / "deep").rename(folder.parent.parent / "elsewhere")
    (folder / "deep").symlink_to(folder.parent.parent / "elsewhere")
    found = everything(folder, cache=True)
    assert ids(found) == [1, 3, 4] and "is a link that leaves" in found[4][0].reason and not decoded


def test_a_data_folder_that_leads_elsewhere_is_noticed(folder):
    read_folders(folder.parent, VISIBILITY, cache=True)
    _folder_linked(folder / "1.png")
    folders, problems = read_folders(folder.parent, VISIBILITY, cache=True)
    assert not folders and "is a link that leaves" in problems[0].reason


def test_a_new_image_is_the_only_one_that_is_decoded(folder, decoded):
    everything(folder, cache=True)
    decoded.clear()
    later()
    write_image(folder / "4.png", np.zeros((3, 2), np.uint8))
    edit(folder, lambda c: c["images"].append({"id": 5, "file_name": "4.png", "width": 2, "height": 3}))
    assert ids(everything(folder, cache=True)) == [*EVERY, 5] and decoded == ["4.png"]


def test_a_repaired_image_is_used_again(folder, decoded):
    content = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(content[:50])
    assert ids(everything(folder, cache=True)) == [1, 3, 4]
    later()
    (folder / "1.png").write_bytes(content)
    assert ids(everything(folder, cache=True)) == list(EVERY)


def test_each_meaning_of_v_and_each_name_has_its_own_index(folder, cache):
    everything(folder, cache=True)
    (folder / "other.json").write_bytes((folder / "annotations.json").read_bytes())
    only_black = everything(folder, {2: 0}, cache=True)
    assert only_black == everything(folder, {2: 0}) and only_black[2] == []
    assert everything(folder, cache=True, annotations="other.json") == everything(folder)
    assert len(list(cache.iterdir())) == 3


def test_decoding_is_not_taken_for_done(folder, decoded):
    assert everything(folder, cache=True, decode=False) == everything(folder, decode=False) and not decoded
    everything(folder, cache=True)
    assert len(decoded) == 4


def test_files_written_just_before_are_not_trusted(folder, decoded, monkeypatch):
    monkeypatch.setattr(index_store, "RACY", RACY)
    first = everything(folder, cache=True)
    assert everything(folder, cache=True) == first and len(decoded) == 8
    state = state_of(folder / "0.png")
    last = max(state.mtime, state.ctime)
    assert not index_store.settled(state, last + 2 * 10**9) and index_store.settled(state, last + 2 * 10**9 + 1)
