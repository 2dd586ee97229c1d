from pathlib import Path

import pytest

from cellmark.data.folds import split_folders
from cellmark.data.records import Folder, ImageRecord
from cellmark.errors import CellmarkError

FOLDERS = [Folder(n, Path(n), (ImageRecord(1, Path(n, "1.png"), 8, 8),)) for n in ("a", "b", "c", "7")]
EMPTY = Folder("empty", Path("empty"), ())


def names(split):
    return {role: [folder.name for folder in folders] for role, folders in split.items()}


@pytest.mark.parametrize(
    ("val", "train", "test", "expected"),
    [
        ("b", None, None, {"train": ["a", "c", "7"], "val": ["b"], "test": []}),
        (-1, None, None, {"train": ["a", "b", "c"], "val": ["7"], "test": []}),
        (7, None, None, {"train": ["a", "b", "c"], "val": ["7"], "test": []}),
        (1, ["c"], "a", {"train": ["c"], "val": ["b"], "test": ["a"]}),
        (0, None, 1, {"train": ["c", "7"], "val": ["a"], "test": ["b"]}),
    ],
)
def test_split_to_train(val, train, test, expected):
    assert names(split_folders(FOLDERS, val, train, test, fit=True)) == expected


def test_split_to_test():
    assert names(split_folders(FOLDERS, None, None, None, fit=False))["test"] == ["a", "b", "c", "7"]
    assert names(split_folders(FOLDERS, None, None, "c", fit=False))["test"] == ["c"]


@pytest.mark.parametrize(
    ("folders", "val", "train", "test", "message"),
    [
        (FOLDERS, None, None, None, "val_folder is needed"),
        (FOLDERS, "z", None, None, "val_folder=z: no such folder; there are a, b, c, 7"),
        (FOLDERS, 4, None, None, "no such folder"),
        (FOLDERS, "a", ["a", "b"], None, "folder a is in two"),
        (FOLDERS, "a", None, "a", "folder a is in two"),
        (FOLDERS[:1], "a", None, None, "no image to use for train"),
        ([*FOLDERS, EMPTY], "empty", None, None, "no image to use for val"),
    ],
)
def test_impossible_splits_are_refused(folders, val, train, test, message):
    with pytest.raises(CellmarkError, match=message):
        split_folders(folders, val, train, test, fit=True)
