import json
import threading
import time

import pytest

from cellmark.errors import CellmarkError, FolderInUse
from cellmark.files import locked
from cellmark.runs import folder as run_folder
from cellmark.runs.folder import alone_in, last_checkpoint, occupied
from cellmark.runs.record import read_run
from tests.runs.made import made_run


def test_a_new_run_needs_a_folder_without_one(tmp_path):
    with occupied(tmp_path / "a", resume=False):
        (tmp_path / "a/config.yaml").write_text("")
    with pytest.raises(FolderInUse, match="a: already holds a run; name another output_dir, or go on with it: ckpt"):
        occupied(tmp_path / "a", resume=False).__enter__()
    assert not (tmp_path / "a/failure.json").exists()


def test_a_folder_is_for_one_process(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "PATIENCE", 0.1)
    for resume in (False, True):
        with occupied(tmp_path / "a", resume=True), pytest.raises(FolderInUse, match="another process works in it"):
            occupied(tmp_path / "a", resume).__enter__()


def test_who_only_looks_is_waited_for(tmp_path):
    seen = threading.Event()

    def look():
        with locked(tmp_path, shared=True):
            seen.set()
            time.sleep(0.3)

    looker = threading.Thread(target=look)
    looker.start()
    assert seen.wait(60)
    with alone_in(tmp_path):
        pass
    looker.join()


def test_a_failure_is_told(tmp_path):
    with pytest.raises(RuntimeError), occupied(tmp_path / "a", resume=False):
        (tmp_path / "a/config.yaml").write_text("")
        raise RuntimeError("out of memory")
    told = json.loads((tmp_path / "a/failure.json").read_text())
    assert (told["error"], told["message"]) == ("RuntimeError", "out of memory")
    assert "test_folder.py" in told["traceback"]


def test_what_is_refused_before_it_wrote_anything_leaves_no_folder(tmp_path):
    with pytest.raises(CellmarkError), occupied(tmp_path / "a", resume=False):
        raise CellmarkError("no such data")
    assert not (tmp_path / "a").exists()


def test_an_interrupted_run_has_not_failed(tmp_path):
    with pytest.raises(KeyboardInterrupt), occupied(tmp_path / "a", resume=False):
        (tmp_path / "a/config.yaml").write_text("")
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["config.yaml"]


def test_a_finished_run_is_one_until_it_goes_on(tmp_path):
    folder = made_run(tmp_path / "a", metrics={"val/mse": 0.1})
    with pytest.raises(CellmarkError), occupied(folder, resume=True):
        raise CellmarkError("no such data")
    assert read_run(folder).state == "finished" and read_run(folder).error is None
    with pytest.raises(CellmarkError), occupied(folder, resume=True) as begin:
        begin()
        begin()
        raise CellmarkError("diverged")
    assert read_run(folder).state == "failed" and len(list(folder.glob("summary.until_*.json"))) == 1


def test_a_run_that_goes_on_has_not_failed_any_more(tmp_path):
    folder = made_run(tmp_path / "a", state="failed")
    with occupied(folder, resume=True) as begin:
        assert (folder / "failure.json").exists()
        begin()
    assert read_run(folder).state == "stopped"


def test_the_last_checkpoint_is_that_of_the_last_epoch(tmp_path):
    folder = made_run(tmp_path / "a", state="stopped")
    assert last_checkpoint(folder) is None
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints/interrupted.ckpt").touch()
    assert last_checkpoint(folder) is None
    (folder / "checkpoints/last.ckpt").touch()
    assert last_checkpoint(folder) == folder / "checkpoints/last.ckpt"
