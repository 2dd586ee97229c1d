"""The script that has several readers read the same pictures: what it shows, counts and writes."""

import importlib
import json
import signal
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
import zxingcpp

import benchmark_reading
from cellmark.data.generate.dataset import GENERATOR
from cellmark.errors import CellmarkError
from cellmark.files import write_image, write_json
from cellmark.reading.classical import read_classical
from reading_benchmark import pictures, readers, sheets, tables
from reading_benchmark.measuring import measure, tally


def subject(name, read):
    return readers.Subject(name, "1", read)


def missing(name):
    return readers.Subject(name, "", None, "not installed (no such library)")


def plain(name, *texts):
    """A picture with these payloads."""
    shown = pictures.Shown(np.full((40, 60, 3), 90, np.uint8), texts, cut=len(texts) // 2)
    return pictures.Picture("synthetic", name, "dots", 0.5, lambda: shown)


def drawn(text):
    """A clean picture of a code, uint8 (H, W, 3)."""
    barcode = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    return np.stack([np.array(barcode.to_image(scale=5))] * 3, axis=-1)


def test_photographs_of_unknown_payload_are_left_out(tmp_path):
    entries = json.loads((photo_folder(tmp_path) / "index.json").read_text())
    entries[1]["texts"] = ["<unkown>"]
    write_json(tmp_path / "index.json", entries)
    found, left_out = pictures.photographs(tmp_path)
    assert [p.name for p in found] == ["0.png", "2.png"] and left_out == ["1.png is left out: its payload is not known"]


def photo_folder(folder):
    entries = []
    for number in range(3):
        write_image(folder / f"{number}.png", drawn(f"photo {number}"))
        entries.append({"file": f"{number}.png", "texts": [f"photo {number}"], "source": "ab"[number // 2]})
    write_json(folder / "index.json", entries)
    return folder


def test_photographs_come_from_the_index(tmp_path):
    found, left_out = pictures.photographs(photo_folder(tmp_path))
    assert left_out == []
    assert [(p.name, p.group, p.load().texts) for p in found][2] == ("2.png", "b", ("photo 2",))
    assert [p.name for p in pictures.photographs(tmp_path, most=1)[0]] == ["0.png", "2.png"]
    (tmp_path / "1.png").unlink()
    with pytest.raises(CellmarkError, match=r"no such file: .*1\.png"):
        pictures.photographs(tmp_path)
    write_json(tmp_path / "index.json", [{"file": "0.png", "source": "a"}])
    with pytest.raises(CellmarkError, match=r"an entry without .*'texts'"):
        pictures.photographs(tmp_path)
    (tmp_path / "index.json").unlink()
    with pytest.raises(CellmarkError, match=r"index\.json: cannot be read"):
        pictures.photographs(tmp_path)


def test_zxing_reads_for_real_and_is_timed(tmp_path):
    (zxing,) = readers.make(["zxing-cpp"], None, "cpu")
    found = measure(pictures.photographs(photo_folder(tmp_path))[0], [zxing], lambda done: None)
    total = tally(found.outcomes, "zxing-cpp")
    assert found.complete and (total.codes, total.right, total.wrong) == (3, 3, 0)
    assert 0 < total.milliseconds(50) < 1000


def test_libdmtx_is_asked_for_as_many_codes_as_there_are(monkeypatch):
    calls = []

    class Library:
        @staticmethod
        def decode(image, **options):
            calls.append(options)
            return [type("Decoded", (), {"data": b"a"})]

    monkeypatch.setattr(readers, "_pylibdmtx", lambda: (Library, "0.7"))
    (libdmtx,) = readers.make(["libdmtx"], None, "cpu")
    found = measure([plain("one", "a", "b", "c"), plain("none")], [libdmtx], lambda done: None)
    assert calls[1:] == [{"max_count": 3, "timeout": 2000}, {"max_count": 1, "timeout": 2000}]
    assert [outcome.scores["libdmtx"].right for outcome in found.outcomes] == [{0}, set()]


@pytest.mark.parametrize("lacking", ["pylibdmtx.pylibdmtx", "pylibdmtx.wrapper"])
def test_a_library_that_is_not_installed_is_told(monkeypatch, lacking):
    real = importlib.import_module

    def without(name):
        if name == lacking:
            raise ImportError("Unable to find dmtx shared library")
        return object() if name.startswith("pylibdmtx") else real(name)

    monkeypatch.setattr(readers.importlib, "import_module", without)
    (libdmtx,) = readers.make(["libdmtx"], None, "cpu")
    assert libdmtx.read is None and "not installed (Unable to find dmtx" in libdmtx.missing
    found = measure([plain("one", "a")], [libdmtx], lambda done: None)
    assert found.outcomes[0].scores == {}
    (section, *_) = tables.sections(found.outcomes)
    assert "| 0.5 | 1 | 1 | 0 | not installed | - | - |" in tables.markdown(section, [libdmtx])
    with pytest.raises(ValueError, match="Unable to find"):
        libdmtx.timed(np.zeros((9, 9, 3), np.uint8), 1)


def test_the_weights_are_loaded_once_and_for_ours_only(monkeypatch, tmp_path):
    made, loaded = [], []

    class Stub:
        def __init__(self, model, device, engine, second):
            made.append((model, device, engine, second))

        def read(self, image, codes):
            return read_classical(image)[:codes]

    monkeypatch.setattr(readers, "Reader", Stub)
    monkeypatch.setattr(readers, "load_default", lambda: loaded.append(1) or "weights")
    monkeypatch.setattr(readers, "load_classifier", lambda: loaded.append(2) or "second")
    readers.make([readers.ZXING], None, "cpu")
    assert not loaded
    found = readers.make([readers.NETWORK, readers.BOTH], None, "cpu")
    assert loaded == [1, 2]
    assert made == [("weights", "cpu", "network", "second"), ("weights", "cpu", "both", "second")]
    two = np.concatenate([drawn("ours"), drawn("more")])
    assert sorted(found[1].timed(two, 1)[0]) == ["more", "ours"]
    (told,) = readers.make([readers.BOTH], None, "cpu", told=True)
    assert len(told.timed(two, 1)[0]) == 1 and len(told.timed(two, 2)[0]) == 2
    with pytest.raises(CellmarkError, match="no such checkpoint"):
        readers.make([readers.NETWORK], tmp_path / "none.ckpt", "cpu")


OURS = subject(readers.BOTH, lambda image, codes: ["a", "x"] if codes == 1 else ["a"])


def test_sheets_show_what_only_ours_reads_and_what_it_misses():
    classical = subject(readers.ZXING, lambda image, codes: ["a"] if codes == 3 else [])
    read = [plain("one", "a"), plain("two", "b", "a"), plain("three", "a", "b", "c"), plain("none")]
    outcomes = measure(read, [classical, OURS], lambda done: None).outcomes
    assert [(p.name, text) for p, text in sheets.only_ours(outcomes)] == [("one", "a"), ("two", "a")]
    assert [(p.name, text) for p, text in sheets.missed(outcomes)] == [("two", "b"), ("three", "b")]
    many = [(plain(str(number), "a"), "a") for number in range(60)]
    assert sheets.sheet(many, "many").shape == sheets.sheet(many[:24], "few").shape
    assert sheets.sheet(many[:3], "few").shape[0] < sheets.sheet(many, "many").shape[0]
    without = measure(read, [classical], lambda done: None).outcomes
    assert sheets.only_ours(without) == sheets.missed(without) == []


def run(monkeypatch, tmp_path, subjects, *arguments):
    """The script as a person starts it, with stand-ins for the readers; its folder."""
    monkeypatch.setattr(benchmark_reading, "make", lambda names, ckpt, device, told: subjects)
    monkeypatch.setattr(benchmark_reading.torch, "set_num_threads", lambda number: None)
    handlers = {}
    monkeypatch.setattr(benchmark_reading.signal, "signal", handlers.__setitem__)
    folder = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["benchmark_reading.py", *arguments, f"--output-dir={folder}"])
    benchmark_reading.main()
    assert handlers == {signal.SIGTERM: signal.default_int_handler}  # then SIGTERM is as Ctrl-C
    return folder


def test_a_run_writes_figures_tables_and_sheets(monkeypatch, tmp_path, capsys):
    zxing = subject(readers.ZXING, lambda image, codes: [code.text for code in read_classical(image)])
    photos = photo_folder(tmp_path / "photos")
    subjects = [zxing, missing(readers.LIBDMTX), OURS]
    folder = run(monkeypatch, tmp_path, subjects, "--images=0", "--large=0", "--clutter=2", f"--photos={photos}")
    content = json.loads((folder / "results.json").read_text())
    assert content["complete"] and content["generator"] == GENERATOR and content["seed"] == 777
    titles = ["Pictures without a code", "Photographs, by source"]
    assert [table["title"] for table in content["tables"]] == titles
    clutter, photographs = (table["groups"] for table in content["tables"])
    assert clutter["all"]["readers"][readers.BOTH]["wrong"] == 4 and clutter["all"]["codes"] == 0
    assert list(photographs) == ["a", "b", "all"] and photographs["a"]["pictures"] == 2
    assert photographs["all"]["readers"][readers.ZXING]["rate"] == 1.0
    assert photographs["all"]["readers"][readers.BOTH]["rate"] == 0.0
    assert "not installed" in photographs["a"]["readers"][readers.LIBDMTX]["missing"]
    assert len(content["pictures"]) == 5 and content["pictures"][4]["readers"][readers.ZXING]["read"] == 1
    assert {"reader": readers.BOTH, "picture": "clutter #0", "text": "x"} in content["wrong_reads"]
    page = (folder / "results.md").read_text()
    assert "| b | 1 | 1 | 0 | 100.0 % | 0 |" in page and "not installed (no such library)" in page
    assert "* cellmark both, clutter #1: x" in page
    assert cv2.imread(str(folder / "missed.jpg")) is not None and not (folder / "only_ours.jpg").exists()
    shown = capsys.readouterr().out
    assert "libdmtx: not installed (no such library)" in shown and "100.0 %" in shown


def test_what_was_measured_before_an_interruption_is_kept(monkeypatch, tmp_path):
    calls = iter([[], ["x"], KeyboardInterrupt()])

    def read(image, codes):
        answer = next(calls)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    with pytest.raises(SystemExit) as ended:
        run(
            monkeypatch,
            tmp_path,
            [subject(readers.ZXING, read)],
            "--images=0",
            "--large=0",
            "--clutter=9",
            "--photos=/no/photos",
        )
    assert ended.value.code == 130
    content = json.loads((tmp_path / "out/results.json").read_text())
    assert not content["complete"] and len(content["pictures"]) == 1
    assert content["notes"] == [
        "photographs are left out: no folder /no/photos",
        "interrupted: 1 of 9 pictures were read",
    ]


def test_a_user_error_ends_the_script_in_a_line(monkeypatch, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(SystemExit, match=r"index\.json: cannot be read"):
        run(monkeypatch, tmp_path, [], "--quick", f"--photos={tmp_path}/photos")
    (tmp_path / "out").mkdir()
    with pytest.raises(SystemExit, match=r"out: already there; name another --output-dir"):
        run(monkeypatch, tmp_path, [], "--quick", f"--photos={tmp_path}/none")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], {"synthetic": 480, "clutter": 1520, "medium": 24, "large": 20, "photos": 3}),
        (["--quick"], {"synthetic": 24, "clutter": 16, "medium": 24, "large": 5, "photos": 2}),
        (["--images=5", "--large=2"], {"synthetic": 120, "clutter": 1880, "medium": 24, "large": 10, "photos": 3}),
        (["--images=100", "--large=0", "--clutter=1"], {"synthetic": 2400, "clutter": 1, "photos": 3}),
        (["--images=84"], {"synthetic": 2016, "medium": 24, "large": 20, "photos": 3}),
    ],
)
def test_how_many_pictures_are_read(tmp_path, arguments, parts):
    photos = photo_folder(tmp_path)
    options = benchmark_reading._arguments().parse_args([*arguments, f"--photos={photos}"])
    found, notes = benchmark_reading.choose(options)
    assert Counter(picture.part for picture in found) == parts and notes == []


def test_numbers_below_zero_are_refused(capsys):
    with pytest.raises(SystemExit):
        benchmark_reading._arguments().parse_args(["--images=-1"])
    assert "-1 is negative" in capsys.readouterr().err


def test_the_fingerprint_tells_generated_sets_apart(tmp_path):
    def fingerprint(read):
        return measure(read, [], lambda done: None).fingerprint.hash.hexdigest()

    generated = pictures.cluttered(2)
    both = fingerprint(generated)
    assert fingerprint([*generated, *pictures.photographs(photo_folder(tmp_path))[0]]) == both
    assert len({both, fingerprint(generated[:1]), fingerprint(generated[::-1]), fingerprint([])}) == 4
