import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest

from cellmark.data import index_store
from cellmark.data.check import check, load_root
from tests.data.broken import VISIBILITY, edit, sound_folder
from tests.data.index.comparing import everything, ids, later


def _cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def _cut_a_row(path):
    path.write_bytes(path.read_bytes()[:-24])


def _longer(path):
    path.write_bytes(path.read_bytes() + bytes(24))


def _flipped(part):
    def change(path):
        content = bytearray(path.read_bytes())
        content[int(part * (len(content) - 1))] ^= 4
        path.write_bytes(bytes(content))

    return change


def _foreign(change):
    def write(path):
        head, content = path.read_bytes().split(b"\n", 1)
        length = int(head.split()[-1])
        values = json.loads(content[:length])
        change(values)
        text = json.dumps(values).encode()
        checksum = zlib.crc32(text + content[length:])
        path.write_bytes(f"cellmark index {checksum:08x} {len(text)}\n".encode() + text + content[length:])

    return write


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x80\x04garbage" * 99),
        lambda path: path.write_bytes(path.read_bytes().split(b"\n")[0]),
        lambda path: path.write_bytes(b"cellmark index 00000000 999999999999\n"),
        _cut,
        _cut_a_row,
        _longer,
        *map(_flipped, (0, 0.01, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1)),
        _foreign(lambda values: values.update(folder="/elsewhere")),
        _foreign(lambda values: values.update(visibility=[[2, 1]])),
        _foreign(lambda values: values.pop("decoded")),
        _foreign(lambda values: values.update(index=3)),
        _foreign(lambda values: values.update(decoded=[])),
        _foreign(lambda values: values["index"].pop()),
        _foreign(lambda values: values["index"][1].pop()),
        _foreign(lambda values: values.update(state=[1, 2])),
        _foreign(lambda values: values.clear()),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_or_foreign_index_is_made_anew(folder, cache, decoded, damage, caplog):
    first = everything(folder, cache=True)
    (path,) = cache.iterdir()
    damage(path)
    decoded.clear()
    assert everything(folder, cache=True) == first and len(decoded) == 4
    assert "cannot be used and is made anew" in caplog.records[0].getMessage()
    if not path.is_dir():
        assert everything(folder, cache=True) == first and len(decoded) == 4


def test_an_index_of_other_code_is_made_anew(folder, cache, decoded, monkeypatch, caplog):
    first = everything(folder, cache=True)
    monkeypatch.setattr(index_store, "_code", lambda: "other")
    with caplog.at_level(logging.INFO):
        assert everything(folder, cache=True) == first
    assert len(decoded) == 8 and "of another version" in caplog.text and len(list(cache.iterdir())) == 1


def test_an_index_says_nothing_about_which_files_may_be_read(folder, cache, decoded):
    """Not even one that somebody forged."""
    secret = folder.parent.parent / "secret.png"
    secret.write_bytes((folder / "1.png").read_bytes())
    everything(folder, cache=True)
    for name in (str(secret), "../../secret.png"):
        _foreign(lambda values, name=name: values["index"][0][1].__setitem__(2, name))(next(cache.iterdir()))
        decoded.clear()
        assert ids(everything(folder, cache=True)) == [1, 3, 4] and not decoded


def test_a_cache_that_cannot_be_written_is_a_warning(folder, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CELLMARK_CACHE", str(tmp_path / "file"))
    assert everything(folder, cache=True) == everything(folder)
    assert "cannot be kept for the next time: " in caplog.text


def test_the_cache_is_where_it_is_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setenv("CELLMARK_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert index_store.cache_folder() == tmp_path / "own"
    monkeypatch.delenv("CELLMARK_CACHE")
    assert index_store.cache_folder() == tmp_path / "xdg" / "cellmark"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which its standard forbids
    assert index_store.cache_folder() == tmp_path / "home" / ".cache" / "cellmark"


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """As in a container with any user id: no HOME, and no entry in the list of users."""
    index_store._warn_of_no_home.cache_clear()
    monkeypatch.chdir(tmp_path)
    for name in ("CELLMARK_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    yield
    index_store._warn_of_no_home.cache_clear()


def test_without_a_home_there_is_no_cache_and_one_warning(folder, homeless, decoded, caplog):
    before = sorted(folder.parents[1].rglob("*"))
    fresh = everything(folder)
    for renew in (False, False, True):
        assert everything(folder, cache=True, renew=renew) == fresh
    assert index_store.cache_folder() is None and len(decoded) == 16
    assert [record.getMessage() for record in caplog.records] == [
        "nothing is kept for the next time: this user has no home folder; CELLMARK_CACHE may name a folder"
    ]
    assert sorted(folder.parents[1].rglob("*")) == before  # above all no folder called ~


def test_nothing_is_written_beside_the_data(folder):
    before = sorted(folder.parent.rglob("*"))
    load_root(folder.parent, VISIBILITY, cache=True)
    assert sorted(folder.parent.rglob("*")) == before


def test_without_a_cache_nothing_is_kept(folder, cache):
    load_root(folder.parent, VISIBILITY)
    assert not cache.exists()


def test_checking_reads_all_and_renews_the_index(folder, cache, decoded):
    check(folder.parent, VISIBILITY, cache=True)
    (path,) = cache.iterdir()
    before = path.stat().st_ino
    decoded.clear()
    check(folder.parent, VISIBILITY, cache=True, renew=True)
    assert len(decoded) == 4 and path.stat().st_ino != before
    check(folder.parent, VISIBILITY, cache=True)
    assert len(decoded) == 4


def test_the_cache_does_not_grow_for_ever(tmp_path, cache, monkeypatch):
    folders = [sound_folder(tmp_path / "root" / str(index)) for index in range(4)]
    everything(folders[0], cache=True)
    size = next(cache.iterdir()).stat().st_size
    monkeypatch.setattr(index_store, "MOST_BYTES", int(3.5 * size))
    (cache / ".old.partial").write_bytes(b"left by a killed process")
    os.utime(cache / ".old.partial", (0, 0))
    for folder in folders[1:3]:
        later()
        everything(folder, cache=True)
    later()
    everything(folders[0], cache=True)  # used again
    later()
    everything(folders[3], cache=True)
    kept = {index_store.Key(str(f), "annotations.json", VISIBILITY).path.exists() for f in folders if f != folders[1]}
    assert kept == {True} and len(list(cache.iterdir())) == 3


WRITER = """
import sys
from pathlib import Path
from cellmark.data import index_store
from cellmark.data.coco import read_folder
index_store.RACY = -(10**12)
print("ready", flush=True)
while True:
    read_folder(Path(sys.argv[1]), {0: None, 1: 1, 2: 0}, cache=True, renew=True)
"""


def test_a_process_killed_while_it_writes_leaves_a_usable_index(folder, cache):
    many = np.column_stack([np.linspace(0, 20, 60_000), np.full(60_000, 3.0), np.full(60_000, 2.0)]).ravel().tolist()
    for number in range(2):
        values = {"keypoints": many, "num_keypoints": 60_000, "rows": None, "cols": None}
        edit(folder, lambda c, n=number, v=values: c["annotations"][n].update(v))
    fresh = everything(folder)
    wait = random.Random(0)
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.2 + wait.random() / 5)
            process.send_signal(signal.SIGKILL)
        assert everything(folder, cache=True) == fresh
        assert everything(folder, cache=True) == fresh
    assert [path.suffix for path in cache.iterdir()].count(".index") == 1


@pytest.mark.parametrize("moment", ["write_bytes", "replace"])
def test_killed_at_the_worst_moment(folder, cache, moment):
    stop = "import os, pathlib, signal\n"
    stop += "die = lambda *args, **kw: os.kill(os.getpid(), signal.SIGKILL)\n"
    stop += f"pathlib.Path.{moment} = die\n"
    for _ in range(2):  # without an older index, and with one
        command = [sys.executable, "-c", stop + WRITER, str(folder)]
        killed = subprocess.run(command, check=False, capture_output=True, timeout=120)
        assert killed.returncode == -signal.SIGKILL and any(path.suffix == ".partial" for path in cache.iterdir())
        assert everything(folder, cache=True) == everything(folder)
        assert any(path.suffix == ".index" for path in cache.iterdir())
