"""A folder, and a cache of its own in which files that are new are trusted."""

import pytest

from cellmark.data import index_store
from cellmark.data.images import read_image
from tests.data.broken import sound_folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CELLMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(index_store, "RACY", -(10**12))  # files that have only just been written are trusted
    return tmp_path / "cache" / "indexes"


@pytest.fixture
def folder(tmp_path, cache):
    return sound_folder(tmp_path / "root" / "fold")


@pytest.fixture
def decoded(monkeypatch):
    """The names of the images that are decoded."""
    names = []
    monkeypatch.setattr(
        "cellmark.data.image_files.read_image", lambda path: (names.append(path.name), read_image(path))[1]
    )
    return names
