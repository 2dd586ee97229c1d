"""``cellmark read`` as a person would call it; what is read is drawn by zxing-cpp."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from cellmark.cli.job import run_verb
from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.reading import weights
from cellmark.reading.api import forget
from cellmark.reading.reader import NOTHING, UNREAD
from cellmark.reading.weights import save_weights
from tests.cli.test_main import composed
from tests.integration.commands import run
from tests.reading.drawn import corners, picture
from tests.reading.networks import checkpoint

KEYS = ["file", "text", "rows", "cols", "corners", "cells_found", "errors_corrected", "seconds"]  # DESIGN, section 4


@pytest.fixture(autouse=True)
def nothing_kept():
    forget()
    yield
    forget()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two pictures, one of them deeper, and something else."""
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "photos/a.png", picture(["one"]))
    write_image(tmp_path / "photos/deeper/b.jpg", picture(["two", "3"]))
    (tmp_path / "photos/notes.txt").write_text("not a picture")
    return tmp_path


@pytest.fixture
def read(capsys):
    """Runs the verb with the classical engine: exit status, the lines of standard output, standard error."""

    def read(*arguments, engine="classical"):
        capsys.readouterr()
        status = run("read", f"engine={engine}", *arguments)
        said = capsys.readouterr()
        return status, [json.loads(line) for line in said.out.splitlines()], said.err

    return read


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def texts(lines):
    return [(line["file"], line["text"]) for line in lines]


def test_a_picture_gives_a_line_per_code(folder, read):
    before = everything(folder)
    status, lines, said = read("input=photos/deeper/b.jpg")
    assert status == 0 and said == ""
    assert all(list(line) == [*KEYS, "engine"] for line in lines)
    assert sorted(texts(lines)) == [("photos/deeper/b.jpg", "3"), ("photos/deeper/b.jpg", "two")]
    for line in lines:
        assert (line["rows"], line["cols"], line["engine"]) == (10, 10, "classical")
        assert line["cells_found"] == line["errors_corrected"] == 0
        assert 0 < line["seconds"] < 5 and line["seconds"] == lines[0]["seconds"]
        np.testing.assert_allclose(line["corners"], corners(line["text"] == "3"), atol=3)
    assert everything(folder) == before


def test_a_folder_gives_the_pictures_below_it(folder, read):
    before = everything(folder)
    status, lines, _ = read("input=photos")
    assert status == 0 and everything(folder) == before
    assert [line["file"] for line in lines] == ["photos/a.png"] + 2 * ["photos/deeper/b.jpg"]
    status, lines, _ = read("input=photos", "codes=1")
    assert [line["file"] for line in lines] == ["photos/a.png", "photos/deeper/b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        ("photos/*", ["photos/a.png"]),
        ("photos/**/*.jpg", ["photos/deeper/b.jpg"] * 2),
        ("photos/**", ["photos/a.png"] + ["photos/deeper/b.jpg"] * 2),
        ("'photos/[ab].p?g'", ["photos/a.png"]),
    ],
)
def test_a_pattern_gives_the_pictures_that_it_matches(folder, read, pattern, files):
    status, lines, _ = read(f"input={pattern}")
    assert status == 0 and [line["file"] for line in lines] == files


def test_a_name_may_look_like_a_pattern(folder, read):
    os.rename("photos/a.png", "photos/a[1].png")
    status, lines, _ = read("input='photos/a[1].png'")
    assert status == 0 and texts(lines) == [("photos/a[1].png", "one")]


def test_standard_input_is_one_picture(folder, read, monkeypatch):
    for content, expected in (((folder / "photos/a.png").read_bytes(), "one"), (b"", None), (b"GIF", None)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        status, (line,), _ = read("input=-")
        assert (line["file"], line["text"], status) == ("-", expected, 0 if expected else 1)
        assert expected or line["reason"] in ("the file is empty", "does not decode: not a picture in a known format")


def test_pictures_in_which_nothing_is_read_are_told(folder, read):
    image = picture(["one"])
    write_image(folder / "photos/0.png", np.full_like(image, 150))
    (folder / "photos/aa.png").write_bytes((folder / "photos/a.png").read_bytes()[:200])
    (folder / "photos/b.png").write_text("no picture")
    status, lines, said = read("input=photos")
    assert status == 1 and said == ""
    assert [line["file"] for line in lines[:4]] == [f"photos/{name}.png" for name in ("0", "a", "aa", "b")]
    assert [line["text"] is None for line in lines] == [True, False, True, True, False, False]
    for line in (lines[0], lines[2], lines[3]):
        assert list(line) == [*KEYS, "reason"]
        assert [line[key] for key in KEYS[1:-1]] == [None] * 6 and line["seconds"] >= 0
    assert lines[0]["reason"] == NOTHING
    assert lines[3]["reason"] == "does not decode: not a picture in a known format"
    assert lines[2]["reason"] and "photos" not in lines[2]["reason"]


def test_corners_count_in_pixels_as_stored(folder, read):
    """A camera held upright stores a lying picture, with a note that it be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(["one", "two"])).save(folder / "turned.png", exif=exif)
    status, lines, _ = read("input=turned.png")
    assert status == 0
    for line in lines:
        np.testing.assert_allclose(line["corners"], corners(line["text"] == "two"), atol=3)


def test_overlays_are_written_when_asked_for(folder, read):
    write_image(folder / "photos/empty.png", np.full((600, 700, 3), 150, np.uint8))
    status, lines, said = read("input=photos", "overlay=true", "output_dir=photos/seen")
    assert status == 1 and "overlays  photos/seen/overlays" in said
    drawn = ["a.png.png", "deeper/b.jpg.png", "empty.png.png"]
    assert [name for name in everything(folder / "photos/seen/overlays") if name.endswith("g")] == drawn
    assert [json.loads(line) for line in (folder / "photos/seen/codes.jsonl").read_text().splitlines()] == lines
    shapes = [read_image(folder / "photos/seen/overlays" / name).shape for name in drawn]
    assert shapes == [(512, 512, 3), (256, 512, 3), (600, 700, 3)]
    status, again, _ = read("input=photos")  # leaves the overlays out
    assert texts(again) == texts(lines)
    status, lines, said = read("input=photos", "overlay=true", "output_dir=photos/seen")
    assert status == 1 and lines == [] and "photos/seen: already holds codes that were read" in said
    status, (line,), _ = read("input=photos/seen/overlays/a.png.png")  # one that is named is tried
    assert line["file"] == "photos/seen/overlays/a.png.png"
    status, _, _ = read("input=photos/*.png", "overlay=true", "output_dir=other")
    assert everything(folder / "other/overlays") == ["a.png.png", "empty.png.png"]


def test_pictures_of_one_name_in_several_folders_have_overlays_of_their_own(folder, read):
    write_image(folder / "other/a.png", picture(["4"]))
    sources = "photos/a.png,other/../other/a.png,photos/deeper,photos/a.png"  # the last one a second time
    status, lines, _ = read(f"input=[{sources}]", "overlay=true", "output_dir=out")
    assert status == 0 and [line["text"] for line in lines[:2]] == ["one", "4"] and len(lines) == 4
    drawn = ["other/a.png.png", "photos/a.png.png", "photos/deeper/b.jpg.png"]
    assert [name for name in everything(folder / "out/overlays") if name.endswith("png")] == drawn


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["input=nowhere"], "nowhere: no such file or folder"),
        (["input=*.png"], "*.png: matches no image (.bmp, .jpeg"),
        (["input=photos", "codes=0"], "codes=0: a whole number from 1 up"),
        (["input=photos", "overlay=2"], "overlay=2: true or false"),
        (["input=photos", "colour=red"], "colour"),
        ([], "needs input=..."),
    ],
)
def test_what_cannot_be_asked_is_told(folder, read, arguments, reason):
    before = everything(folder)
    status, lines, said = read(*arguments)
    assert status == 1 and lines == [] and reason in said
    assert everything(folder) == before


def test_a_folder_of_overlays_only_is_told(folder, read):
    read("input=photos/a.png", "overlay=true", "output_dir=seen")
    status, lines, said = read("input=seen")
    assert status == 1 and lines == [] and "seen: only pictures that earlier predictions or readings drew" in said


def test_engines(folder, read, monkeypatch):
    status, lines, said = read("input=photos", engine="best")
    assert status == 1 and lines == [] and "engine=best: one of classical, network, both" in said
    monkeypatch.setattr(weights, "DEFAULT", folder / "reader.safetensors")
    status, lines, said = read("input=photos", engine="both")
    assert status == 1 and lines == [] and "no default weights; name a checkpoint with ckpt=" in said
    path = checkpoint(folder / "a.ckpt")
    save_weights(path, folder / "reader.safetensors")
    write_image(folder / "tiny.png", np.full((64, 64, 3), 150, np.uint8))
    for more in ([], [f"ckpt={path}"]):  # a network that learned nothing
        status, (line,), _ = read("input=tiny.png", *more, engine="network")
        assert status == 1 and line["text"] is None and line["reason"] in (NOTHING, UNREAD)
        status, (line,), _ = read("input=photos/a.png", "codes=1", *more, engine="both")
        assert status == 0 and line["text"] == "one"


def test_any_name_and_any_text_make_a_line_of_json(folder, read):
    try:
        name = os.fsdecode(b"photos/\xff\n.png")
        write_image(folder / "c.png", picture(["\x1d\xe9"]))
        os.rename("c.png", name)
    except (OSError, UnicodeError):
        pytest.skip("the file system takes no such name")
    status, lines, _ = read("input=photos")
    assert status == 0 and ("photos/\\udcff\n.png", "\x1d\xe9") in texts(lines)


def test_a_bar_never_mixes_with_the_lines(folder, capsys, monkeypatch):
    """Rich sends what is printed to the terminal of its bar, which must not happen to the lines."""
    monkeypatch.setenv("TERM", "xterm")
    shown, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        keys = ["input=photos", "engine=classical"]
        assert run_verb("read", composed("read", *keys)) == 0
        stream.flush()
        told = b""
        while select.select([shown], [], [], 0.5)[0]:  # a terminal gives what it has in pieces
            told += os.read(shown, 100_000)
    os.close(shown)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == ["photos/a.png"] + 2 * ["photos/deeper/b.jpg"]
    assert b"reading" in told and b"one" not in told


def test_lines_come_one_by_one(folder, monkeypatch):
    """When a picture is opened, the lines of those before it have left."""

    class Pipe(io.StringIO):
        left = ""

        def flush(self):
            self.left = self.getvalue()

    out, seen = Pipe(), []
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("cellmark.cli.read.read_image", lambda path: (seen.append(out.left), read_image(path))[1])
    assert run_verb("read", composed("read", "input=photos", "engine=classical")) == 0
    assert seen[0] == "" and seen[1].count("\n") == 1 and out.left.count("\n") == 3


def test_a_checkpoint_that_cannot_read_is_refused(folder):
    with pytest.raises(CellmarkError, match="no such checkpoint"):
        run_verb("read", composed("read", "input=photos", "ckpt=2024"))


@pytest.mark.slow
def test_a_process_of_its_own_prints_lines_and_nothing_else(folder):
    done, image = cv2.imencode(".png", picture(["one"])[:, :, 0])
    assert done
    command = [sys.executable, "-m", "cellmark.cli.main", "read", "input=-", "engine=classical"]
    before = everything(folder)
    answer = subprocess.run(command, input=image.tobytes(), capture_output=True, check=False, timeout=120)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert [json.loads(line)["text"] for line in answer.stdout.splitlines()] == ["one"]
    assert everything(folder) == before
