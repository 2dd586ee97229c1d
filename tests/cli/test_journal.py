"""Results that are kept as they come."""

import json
import os

import pytest

from cellmark.cli.journal import digest, journal_of, open_journal, stamp, unfinished
from cellmark.errors import CellmarkError, FolderInUse

SETTINGS = {"scales": [1, 0.5], "threshold": None}
PIECES = [[["a.png", 5, 1]], [["b.png", 6, 2]], [["c.png", 7, 3]]]
RESULTS = [[{"x": 0.1}], "not a picture", [{"x": 1e-300, "y": "\udcff"}]]


@pytest.fixture
def target(tmp_path):
    yield tmp_path / "out/results.json"
    unfinished.clear()


def begun(target, number, settings=SETTINGS, pieces=PIECES):
    """A journal that was left after some pieces; its bytes."""
    with pytest.raises(KeyboardInterrupt), open_journal(target, settings, pieces) as journal:
        for results in RESULTS[journal.done : number]:
            journal.add(results)
        raise KeyboardInterrupt
    return journal_of(target).read_bytes()


def test_results_come_back_as_they_were_and_become_a_file(target):
    begun(target, 2)
    with open_journal(target, SETTINGS, PIECES) as journal:
        assert journal.done == 2 and list(journal.results()) == RESULTS[:2]
        journal.add(RESULTS[2])
        assert unfinished == [target] * 2 and not target.exists()
        journal.finish(f"{json.dumps(results)}\n" for results in journal.results())
    assert [json.loads(line) for line in target.read_text().splitlines()] == RESULTS
    assert os.listdir(target.parent) == ["results.json"] and unfinished == [target]  # what was left before
    with (
        pytest.raises(CellmarkError, match=r"results\.json: already there"),
        open_journal(target, SETTINGS, PIECES),
    ):
        pass


def test_whatever_is_torn_is_done_again(target):
    whole = begun(target, 3)
    second = begun(target.with_name("other"), 2)
    for length in range(len(whole) + 1):
        for lost in (b"", b"\0" * 40):  # what some file systems leave where the power went
            journal_of(target).write_bytes(whole[:length] + lost)
            complete = whole[:length].count(b"\n")
            with pytest.raises(KeyboardInterrupt), open_journal(target, SETTINGS, PIECES) as journal:
                assert journal.done == max(0, complete - 1)
                assert list(journal.results()) == RESULTS[: journal.done]
                raise KeyboardInterrupt
            assert begun(target, 3) == whole
    assert whole.startswith(second)


@pytest.mark.parametrize(
    ("settings", "pieces", "reason"),
    [
        (SETTINGS | {"threshold": 0.5}, PIECES, r"out: .* began with threshold=None \(now 0\.5\); repeat its command"),
        (SETTINGS | {"more": 1}, PIECES, r"began with more=None \(now 1\)"),
        (
            SETTINGS,
            [[["a.png", 5, 9]], *PIECES[1:]],
            r"began with other pictures: a\.png was added, removed",
        ),
        (SETTINGS, [[["aa.png", 1, 1]], *PIECES], r"other pictures: a\.png was"),
        (SETTINGS, PIECES[:1], r"other pictures: b\.png was"),
        (SETTINGS, [PIECES[0], PIECES[1] + PIECES[2]], r"other pictures: c\.png was"),
    ],
)
def test_something_else_is_refused_and_nothing_is_lost(target, settings, pieces, reason):
    before = begun(target, 2)
    with pytest.raises(CellmarkError, match=reason), open_journal(target, settings, pieces):
        pass
    assert journal_of(target).read_bytes() == before


def test_pictures_that_come_later_may_be_added(target):
    before = begun(target, 2)
    with open_journal(target, SETTINGS, [*PIECES, [["d.png", 1, 1]]]) as journal:
        assert journal.done == 2 and journal_of(target).read_bytes() == before


def test_two_processes_do_not_mix(target, monkeypatch):
    monkeypatch.setattr("cellmark.runs.folder.PATIENCE", 0.1)
    with (
        open_journal(target, SETTINGS, PIECES),
        pytest.raises(FolderInUse, match="another process works in it"),
        open_journal(target, SETTINGS, PIECES),
    ):
        pass


def test_a_full_disk_is_told_and_what_was_complete_stays(target, monkeypatch):
    before, write = begun(target, 1), os.write
    with (
        pytest.raises(OSError, match=r"No space left on device.*\.results\.json\.partial"),
        open_journal(target, SETTINGS, PIECES) as journal,
    ):
        monkeypatch.setattr(os, "write", lambda handle, content: write(handle, content[:7]))
        journal.add(RESULTS[1])
    monkeypatch.undo()
    assert begun(target, 1) == before


def test_numbers_that_json_cannot_say_are_refused(target):
    with pytest.raises(CellmarkError, match="cannot be written as JSON"), open_journal(target, SETTINGS, PIECES) as one:
        one.add(float("nan"))


def test_a_stamp_tells_one_state_of_a_file_from_another(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12")
    first, content = stamp(path, "a"), digest(path)
    assert first == stamp(path, "a") == ["a", 2, path.stat().st_mtime_ns]
    os.utime(path, ns=(1, 1))
    assert stamp(path, "a") != first and digest(path) == content
    path.write_bytes(b"13")
    assert digest(path) != content and stamp(tmp_path / "gone", "gone") == ["gone", None, None]
