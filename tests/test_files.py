import fcntl
import os
import signal
import subprocess
import sys

import pytest

from cellmark.errors import CellmarkError
from cellmark.files import copy_file, locked, new_folder, refuse_overlap, scratch_folder, write_bytes, write_json


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def test_the_output_lies_apart_and_is_new(raw, tmp_path):
    for target in (raw, raw / "out", tmp_path / "raw" / ".." / "raw" / "deep" / "out"):
        with pytest.raises(CellmarkError, match=r"output_dir=.*: lies in the input"):
            refuse_overlap(raw, target)
    with pytest.raises(CellmarkError, match=r"output_dir=.*: holds the input"):
        refuse_overlap(raw, tmp_path)
    (tmp_path / "link").symlink_to(raw)
    with pytest.raises(CellmarkError, match=r"output_dir=.*: lies in the input"):
        refuse_overlap(raw, tmp_path / "link" / "out")
    (tmp_path / "full").mkdir()
    refuse_overlap(raw, tmp_path / "full")
    (tmp_path / "full" / "a").touch()
    for target in (tmp_path / "full", tmp_path / "full" / "a"):
        with pytest.raises(CellmarkError, match="already there; nothing is overwritten"):
            refuse_overlap(raw, target)
    refuse_overlap(raw, tmp_path / "raw2")


def test_a_new_folder_appears_at_the_end(tmp_path):
    with new_folder(tmp_path / "a" / "b") as partial:
        (partial / "file").write_text("x")
        assert not (tmp_path / "a" / "b").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert (tmp_path / "a/b/file").read_text() == "x"
    with (
        pytest.raises(CellmarkError, match="b: already there; nothing is overwritten"),
        new_folder(tmp_path / "a" / "b"),
    ):
        pass


def test_after_an_error_there_is_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "a") as partial:
        (partial / "file").write_text("x")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_cleared_away_and_what_a_living_one_uses_is_not(tmp_path):
    dead, living, other = (tmp_path / name for name in (".a.1.partial", ".a.2.partial", ".b.1.partial"))
    for folder in (dead, living, other):
        (folder / "deep").mkdir(parents=True)
    handle = os.open(living, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with scratch_folder(tmp_path, "a") as first, scratch_folder(tmp_path, "a") as second:
        assert first.is_dir() and second.is_dir() and first != second
    assert sorted(tmp_path.iterdir()) == [living, other]
    os.close(handle)
    with scratch_folder(tmp_path, "a"):
        pass
    assert list(tmp_path.iterdir()) == [other]


def test_a_folder_that_cannot_be_written_to_is_named(raw, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cellmark.files.tempfile.mkdtemp", refuse)
    with pytest.raises(CellmarkError, match="raw: nothing can be written there: Permission denied"):
        scratch_folder(raw, "a").__enter__()


def test_a_copy_never_overwrites(tmp_path):
    write_bytes(tmp_path / "a", b"1")
    copy_file(tmp_path / "a", tmp_path / "deep" / "b")
    copy_file(tmp_path / "a", tmp_path / "c", link=True)
    assert (tmp_path / "deep/b").read_bytes() == b"1" and (tmp_path / "c").samefile(tmp_path / "a")
    (tmp_path / "nowhere").symlink_to("gone")
    for target in ("deep/b", "c", "nowhere"):
        with pytest.raises(CellmarkError, match=f"{target}: already there; nothing is overwritten"):
            copy_file(tmp_path / "a", tmp_path / target)


def test_json_without_numbers_that_it_cannot_say(tmp_path):
    with pytest.raises(CellmarkError, match=r"a\.json: cannot be written as JSON"):
        write_json(tmp_path / "a.json", {"score": float("inf")})
    assert not list(tmp_path.iterdir())


def test_a_lock_ends_with_its_process_although_forked_ones_go_on(tmp_path):
    code = f"""
import multiprocessing, os, pathlib, sys, time
from cellmark.files import locked
with locked(pathlib.Path({str(tmp_path)!r})):
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,)).start()
    print("locked", flush=True)
    time.sleep(30)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"locked\n"
    try:
        with pytest.raises(BlockingIOError), locked(tmp_path):
            pass
        process.kill()
        process.wait()
        with locked(tmp_path) as certain:
            assert certain
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_who_only_looks_does_not_keep_others_from_looking(tmp_path):
    with locked(tmp_path, shared=True), locked(tmp_path, shared=True), pytest.raises(BlockingIOError), locked(tmp_path):
        pass
