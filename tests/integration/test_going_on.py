"""Predicting and reading that are stopped half-way, and go on with the same command."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from cellmark.cli.job import run_verb
from cellmark.cli.journal import journal_of, unfinished
from cellmark.data.images import read_image
from cellmark.files import write_image
from tests.cli.test_main import composed
from tests.integration.commands import run
from tests.killing import contents, kill_half_way
from tests.reading.drawn import picture
from tests.reading.networks import checkpoint

VERBS = {"predict": "predictions.json", "read": "codes.jsonl"}


@pytest.fixture(autouse=True)
def nothing_unfinished():
    yield
    unfinished.clear()


def write_pictures(folder, number):
    """Small pictures of many sizes; every fifth file is none, and some hold a code."""
    rng = np.random.default_rng(number)
    code = picture(["one"])
    for index in range(number):
        path = folder / f"{index % 3}" / f"{index:04d}.png"
        height, width = rng.integers(1, 70, 2)
        write_image(path, code if index % 7 == 3 else rng.integers(0, 255, (height, width, 3), np.uint8))
        if index % 5 == 4:
            path.write_bytes(path.read_bytes()[: int(rng.integers(0, 60))])
    return folder


def command(verb, root, folder, *more):
    """The smallest network, sure of cells where there are none, so that there are results to compare."""
    if verb == "predict":
        path = root / "a.ckpt"
        own = [f"ckpt={path if path.exists() else checkpoint(path)}", "scales=[1,0.5]", "batch_size=4"]
        own += ["threshold=0.01", "min_cells=1"]
    else:
        own = ["engine=classical", "overlay=true"]
    return [verb, f"input={root}/pictures", f"output_dir={folder}", *own, *more]


def told(folder):
    """What a person sees of results, but for what Hydra writes and the seconds that reading took."""
    files = {name: content for name, content in contents(folder).items() if name != "run.log"}
    if "codes.jsonl" in files:
        lines = [json.loads(line) for line in files["codes.jsonl"].splitlines()]
        files["codes.jsonl"] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
    return files


def kept(folder, verb):
    """Lines of the journal."""
    path = journal_of(folder / VERBS[verb])
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_command_goes_on_after_an_error(verb, tmp_path, monkeypatch, capsys):
    write_pictures(tmp_path / "pictures", 25)
    assert run(*command(verb, tmp_path, tmp_path / "whole")) == 1  # some files are no pictures
    whole, lines = told(tmp_path / "whole"), capsys.readouterr().out
    assert len(whole) == {"predict": 1 + 2 * 20, "read": 1 + 20}[verb] and len(whole[VERBS[verb]]) > 10

    room = iter(range({"predict": 30, "read": 10}[verb]))  # several batches of predict are drawn at a time

    def full(path, image):
        if next(room, None) is None:
            raise OSError(28, "No space left on device", str(path))
        write_image(path, image)

    folder = tmp_path / "half"
    with monkeypatch.context() as patch:
        patch.setattr(f"cellmark.cli.{verb}.write_image", full)
        assert run(*command(verb, tmp_path, folder)) == 1
    said = capsys.readouterr().err
    assert f"error: {verb}: {folder}/" in said and "No space left on device" in said and "Traceback" not in said
    assert f"what is done is kept; to go on with what is missing: the same command with output_dir={folder}" in said
    assert not (folder / VERBS[verb]).exists() and kept(folder, verb) > 1
    tried = []
    read = read_image
    monkeypatch.setattr(f"cellmark.cli.{verb}.read_image", lambda path: (tried.append(path), read(path))[1])
    assert run(*command(verb, tmp_path, folder)) == 1
    assert 0 < len(tried) < 25 and told(folder) == whole
    assert (
        not any(path.name.endswith(".partial") for path in folder.rglob("*")) and not (folder / "failure.json").exists()
    )
    said = capsys.readouterr().out
    if verb == "predict":
        assert said.replace(str(folder), "x") == lines.replace(str(tmp_path / "whole"), "x")
    else:  # standard output is that of an uninterrupted reading, too
        assert [json.loads(line)["text"] for line in said.splitlines()] == [
            json.loads(line)["text"] for line in lines.splitlines()
        ]
        assert said == (folder / "codes.jsonl").read_text()
    assert run(*command(verb, tmp_path, folder)) == 1 and "already holds" in capsys.readouterr().err
    assert told(folder) == whole


@pytest.mark.parametrize("verb", VERBS)
def test_overlays_of_an_unfinished_run_are_no_input(verb, tmp_path, monkeypatch):
    write_pictures(tmp_path / "pictures", 8)
    folder = tmp_path / "pictures/seen"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("cellmark.cli.journal.Journal.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run_verb(verb, composed(*command(verb, tmp_path, folder)))
    assert list((folder / "overlays").rglob("*.png"))
    assert run(*command(verb, tmp_path, folder)) == 1
    assert not any("seen" in name for name in told(folder) if name.startswith("overlays"))


@pytest.mark.parametrize(
    ("verb", "other", "reason"),
    [
        ("predict", "min_cells=2", "began with min_cells=1 (now 2)"),
        ("predict", "scales=[1]", "began with scales=[1, 0.5] (now [1])"),
        ("predict", "ckpt={}/b.ckpt", "began with ckpt="),
        ("read", "codes=1", "began with codes=None (now 1)"),
    ],
)
def test_what_began_otherwise_does_not_go_on(verb, other, reason, tmp_path, monkeypatch, capsys):
    write_pictures(tmp_path / "pictures", 8)
    checkpoint(tmp_path / "b.ckpt", seed=1)
    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("cellmark.cli.journal.Journal.finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run(*command(verb, tmp_path, folder)) == 128 + signal.SIGINT
    said = capsys.readouterr().err
    hint = f"cellmark {verb}: interrupted; to go on with what is missing: the same command with output_dir={folder}"
    assert said.splitlines()[-1] == hint
    before = journal_of(folder / VERBS[verb]).read_bytes()
    unfinished.clear()
    changed = [*command(verb, tmp_path, folder)]
    key = other.partition("=")[0]
    changed = [one for one in changed if not one.startswith(f"{key}=")] + [other.format(tmp_path)]
    assert run(*changed) == 1
    assert (
        reason in " ".join(capsys.readouterr().err.split()) and before == journal_of(folder / VERBS[verb]).read_bytes()
    )
    os.utime(next((tmp_path / "pictures").rglob("*.png")), ns=(1, 1))
    assert run(*command(verb, tmp_path, folder)) == 1
    assert "began with other pictures" in capsys.readouterr().err


def test_another_verbs_folder_is_still_refused(tmp_path, capsys):
    write_pictures(tmp_path / "pictures", 1)
    (tmp_path / "run/.hydra").mkdir(parents=True)
    (tmp_path / "run/.hydra/config.yaml").touch()
    for content in ("hydra: {job: {config_name: evaluate}}", "hydra: [", None):
        if content is not None:
            (tmp_path / "run/.hydra/hydra.yaml").write_text(content)
        assert run(*command("predict", tmp_path, tmp_path / "run")) == 1
        assert "already holds a run" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [".hydra"]


def test_the_lines_are_kept_without_overlays_too(tmp_path, capsys):
    write_pictures(tmp_path / "pictures", 8)
    run("read", f"input={tmp_path}/pictures", "engine=classical", f"output_dir={tmp_path}/out")
    assert (tmp_path / "out/codes.jsonl").read_text() == capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["codes.jsonl"]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_order_whatever_the_number_of_processes(workers, tmp_path, capsys):
    write_pictures(tmp_path / "pictures", 40)
    assert run(*command("read", tmp_path, tmp_path / "out", f"workers={workers}")) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = sorted((tmp_path / "pictures").rglob("*.png"))
    assert [Path(line["file"]) for line in lines] == expected
    drawn = sorted(path.name for path in (tmp_path / "out/overlays").rglob("*.png"))
    assert drawn == sorted(f"{path.name}.png" for path in expected if int(path.stem) % 5 != 4)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_killed_twice_and_gone_on_equals_uninterrupted(verb, tmp_path):
    """Hundreds of files; SIGKILL, SIGTERM and Ctrl-C, each as soon as some more are done."""
    write_pictures(tmp_path / "pictures", 400)
    more = ["workers=2"] if verb == "read" else []
    assert run(*command(verb, tmp_path, tmp_path / "whole", *more)) == 1
    folder, before = tmp_path / "half", 0
    for by, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143), (signal.SIGINT, 130)):
        ended, said = kill_half_way(command(verb, tmp_path, folder, *more), lambda: kept(folder, verb), before + 10, by)
        assert ended == status and "Traceback" not in said
        assert by == signal.SIGKILL or f"the same command with output_dir={folder}" in said
        assert not (folder / VERBS[verb]).exists() and kept(folder, verb) > before
        before = kept(folder, verb)
    assert before < (100 if verb == "predict" else 400)
    assert run(*command(verb, tmp_path, folder, *more)) == 1
    assert told(folder) == told(tmp_path / "whole")
