import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellmark.data.annotations import cells_of, classes_of
from cellmark.data.coco import read_folder, read_folders, resolve_visibility
from cellmark.data.records import Code
from cellmark.errors import CellmarkError
from tests.data.broken import EVERY, IMAGES, KEYPOINTS, TABLE, VISIBILITY, edit, sound_folder


@pytest.fixture
def folder(tmp_path):
    return sound_folder(tmp_path / "root" / "fold")


def ids(folder):
    return tuple(record.id for record in folder.images)


def test_a_sound_folder_comes_back_as_written(folder):
    found, problems = read_folder(folder, VISIBILITY)
    assert problems == []
    assert (found.name, found.path, ids(found)) == ("fold", folder, EVERY)
    assert [record.path.name for record in found.images] == ["0.png", "1.png", "2.png", "3.png"]
    (code,) = found.images[3].codes
    assert (code.id, code.rows, code.cols, code.text) == (4, 2, 3, "A")
    assert code.keypoints.dtype == np.float64
    np.testing.assert_allclose(code.keypoints, KEYPOINTS)


@pytest.mark.parametrize("broken", TABLE, ids=lambda broken: broken.name)
def test_a_broken_folder_gives_the_one_problem_where_it_is(folder, broken):
    broken.apply(folder)
    found, problems = read_folder(folder, VISIBILITY)
    assert len(problems) == 1, list(map(str, problems))
    (problem,) = problems
    assert (problem.file, problem.record) == (folder / broken.at, broken.record)
    assert broken.reason in problem.reason
    kept = tuple(record.path.name for record in found.images)
    assert kept == tuple(f"{number - 1}.png" for number in EVERY if number not in broken.lost)
    str(problem).encode()  # it can be printed


def test_several_problems_are_all_reported(folder):
    def change(content):
        content["images"][0]["width"] = -1
        content["annotations"][0].update(area=-1, bbox=[1])
        content["annotations"][1]["keypoints"][0:6] = [float("nan"), "x", 2, 3, 4, 2]
        content["annotations"][2]["keypoints"][2::3] = [2, 5, 2, 7, 2.5, 5]

    edit(folder, change)
    (folder / "0.png").write_bytes(b"")
    found, problems = read_folder(folder, VISIBILITY)
    places = sorted((problem.file.name, problem.record, problem.reason.split(" ")[0]) for problem in problems)
    assert places == [
        ("0.png", "image 1 (0.png)", "the"),
        ("annotations.json", "annotation 1", "area"),
        ("annotations.json", "annotation 1", "bbox"),
        ("annotations.json", "annotation 2", "keypoints:"),
        ("annotations.json", "annotation 2", "keypoints:"),
        ("annotations.json", "annotation 3", "v"),
        ("annotations.json", "annotation 3", "v"),
        ("annotations.json", "annotation 3", "v"),
        ("annotations.json", "image 1 (0.png)", "width"),
    ]
    assert ids(found) == (4,)


def test_what_coco_allows_is_accepted(folder):
    def change(content):
        del content["info"], content["licenses"]
        content["origin"] = {"camera": [1, None]}
        content["categories"] = [{"id": 1}]  # the only one, so its name does not matter
        content["images"][0] |= {"date_captured": "today", "license": 3}
        content["images"][1]["file_name"] = "deeper/1.png"
        content["annotations"][0] |= {"score": None, "note": [], "text": None, "rows": None, "cols": None}
        content["annotations"][1]["keypoints"] = [float(v) for v in content["annotations"][1]["keypoints"]]
        content["annotations"][1]["keypoints"][12:14] = [500.0, 500.0]  # not labelled, v = 0
        content["annotations"][2] = {key: content["annotations"][2][key] for key in ("id", "image_id", "category_id")}
        content["annotations"][2]["keypoints"] = [-0.5, 15.5, 2, 1, 1, 0]
        content["annotations"][2]["num_keypoints"] = 2  # all of them, and not those with v > 0 only
        content["annotations"].pop()

    edit(folder, change)
    (folder / "deeper").mkdir()
    (folder / "1.png").rename(folder / "deeper" / "1.png")
    file = folder / "annotations.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    found, problems = read_folder(folder, VISIBILITY)
    assert problems == []
    assert [len(record.codes) for record in found.images] == [1, 1, 1, 0]


def test_a_file_outside_the_folder_is_never_opened(folder, monkeypatch):
    secret = folder.parent.parent / "secret.png"
    secret.write_bytes((folder / "1.png").read_bytes())
    (folder / "link.png").symlink_to(secret)
    (folder / "up").symlink_to(folder.parent.parent)
    names = ["link.png", "up/secret.png", str(secret), "../../secret.png"]
    edit(
        folder,
        lambda c: [entry.update(file_name=name) for entry, name in zip(c["images"], names, strict=True)],
    )
    opened, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (opened.append(path), read_bytes(path))[1])
    found, problems = read_folder(folder, VISIBILITY)
    assert [problem.record.split(" (")[0] for problem in problems] == [
        "image 1",
        "image 2",
        "image 3",
        "image 4",
    ]
    assert opened == [folder / "annotations.json"] and not found.images


def test_a_linked_json_or_folder_that_leaves_the_root_is_refused(tmp_path):
    root, elsewhere = tmp_path / "root", sound_folder(tmp_path / "elsewhere")
    sound_folder(root / "a")
    (root / "b").symlink_to(elsewhere)
    (root / "a" / "annotations.json").unlink()
    (root / "a" / "annotations.json").symlink_to(elsewhere / "annotations.json")
    folders, problems = read_folders(root, VISIBILITY)
    assert [problem.file for problem in problems] == [root / "a" / "annotations.json", root / "b"]
    assert all("is a link that leaves" in problem.reason for problem in problems)
    assert not any(folder.images for folder in folders)


@pytest.mark.parametrize(("names", "told"), [("ab", "b"), ("ba", "a"), ("mabc", "abc")])
def test_a_folder_with_several_names_is_read_once(tmp_path, names, told):
    """Under its own name, whatever the order; its images in two folds would be trained on and tested with."""
    own, *links = names
    sound_folder(tmp_path / own)
    for link in links:
        (tmp_path / link).symlink_to(own)
    folders, problems = read_folders(tmp_path, VISIBILITY, cache=False)
    assert [(folder.name, len(folder.images), folder.left_out) for folder in folders] == [(own, IMAGES, ())]
    reason = f"is the same folder as {own}"
    assert [(p.file, p.record, p.reason) for p in problems] == [(tmp_path / name, "", reason) for name in told]


def test_of_links_to_one_hidden_folder_the_first_is_read(tmp_path):
    sound_folder(tmp_path / ".store")
    for link in ("x", "y"):
        (tmp_path / link).symlink_to(".store")
    folders, problems = read_folders(tmp_path, VISIBILITY)
    assert [folder.name for folder in folders] == ["x"] and problems[0].reason == "is the same folder as x"


def test_links_to_folders_without_data_are_no_problem(tmp_path):
    sound_folder(tmp_path / "a")
    (tmp_path / "notes").mkdir()
    (tmp_path / "more notes").symlink_to("notes")
    assert read_folders(tmp_path, VISIBILITY)[1] == []
    (tmp_path / "notes" / "1.png").write_bytes(b"")
    folders, problems = read_folders(tmp_path, VISIBILITY)
    assert [problem.reason for problem in problems] == [
        "is the same folder as notes",
        "holds images but no annotations.json",
    ]
    assert [folder.name for folder in folders] == ["a", "notes"]


def test_folders_are_read_by_name(tmp_path):
    for name in ("b", "a", ".hidden"):
        sound_folder(tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "readme.txt").write_text("")
    told = []
    folders, problems = read_folders(tmp_path, VISIBILITY, on_decoded=lambda *args: told.append(args))
    assert problems == [] and [folder.name for folder in folders] == ["a", "b"]
    assert told == [(name, done, IMAGES) for name in "ab" for done in (1, 2, 3, 4)]


def test_a_folder_of_images_without_annotations_is_a_problem(folder):
    (folder / "annotations.json").rename(folder / "labels.json")
    assert read_folders(folder.parent, VISIBILITY)[1][0].file == folder
    folders, problems = read_folders(folder.parent, VISIBILITY, annotations="labels.json")
    assert problems == [] and len(folders[0].images) == IMAGES


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".", "no folder in it"),
        ("root/fold", "give the folder above"),
        ("nowhere", "no such"),
        ("file", "not a folder"),
    ],
)
def test_a_root_without_folders_is_a_problem(folder, name, reason):
    top = folder.parent.parent
    (top / "file").write_text("")
    folders, problems = read_folders(top / name, VISIBILITY)
    assert not folders and len(problems) == 1 and reason in problems[0].reason


def test_decoding_can_be_left_out(folder):
    (folder / "1.png").write_bytes(b"no picture")
    assert read_folder(folder, VISIBILITY, decode=False)[1] == []
    assert len(read_folder(folder, VISIBILITY)[1]) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def entries(*keys):
    near = st.sampled_from([1, 2, "0.png", "1.png", "../0.png", [2, 3, 2], [4, 4, 1, 5, 5, 2], 24, 16])
    return st.lists(st.dictionaries(st.sampled_from(keys), near | JSON, max_size=len(keys)) | JSON, max_size=3)


FILES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "images": entries("id", "file_name", "width", "height") | JSON,
        "annotations": entries(
            "id", "image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area", "rows", "cols"
        )
        | JSON,
        "categories": entries("id", "name") | JSON,
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=FILES)
def test_no_json_makes_the_reader_raise(folder, content):
    (folder / "annotations.json").write_text(json.dumps(content))
    found, problems = read_folder(folder, VISIBILITY)
    for problem in problems:
        str(problem).encode()
    if not isinstance(content, dict) or {"images", "annotations", "categories"} - set(content):
        assert problems
    assert all(record.path.resolve().parent == folder.resolve() for record in found.images)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40))
def test_no_bytes_make_the_reader_raise(folder, content):
    (folder / "annotations.json").write_bytes(content)
    assert read_folder(folder, VISIBILITY)[1]


@pytest.mark.parametrize("seed", range(100))
def test_no_damage_to_a_sound_file_makes_the_reader_raise(folder, seed):
    """Some bytes replaced, or a part left out or doubled."""
    file, rng = folder / "annotations.json", np.random.default_rng(seed)
    content = bytearray(file.read_bytes())
    start, length = rng.integers(0, len(content)), rng.integers(1, 30)
    if seed % 3 == 0:
        content[start : start + length] = content[start : start + length] * 2
    elif seed % 3 == 1:
        del content[start : start + length]
    else:
        for place in rng.integers(0, len(content), 1 + seed % 4):
            content[place] = rng.choice(list(b'0123456789-.,:[]{}"eE x\x00\xff'))
    file.write_bytes(bytes(content))
    found, problems = read_folder(folder, VISIBILITY)
    for problem in problems:
        assert problem.reason and str(problem).encode()
    assert all(record.path.is_file() for record in found.images)


def test_cells_are_those_of_all_codes(folder):
    record = read_folder(folder, VISIBILITY)[0].images[1]
    points, labels = cells_of(replace(record, codes=(record.codes[0], Code(2, KEYPOINTS[:2]))), VISIBILITY)
    np.testing.assert_array_equal(points, [*KEYPOINTS[:, :2], *KEYPOINTS[:2, :2]])
    assert labels.tolist() == [0, 1, 1, 0, -1, 0, 0, 1]
    empty = cells_of(replace(record, codes=()), VISIBILITY)
    assert empty[0].shape == (0, 2) and empty[1].shape == (0,)


def test_visibility_is_resolved_by_class_name():
    names = {0: None, "1": "white", 2: "black"}
    assert resolve_visibility(names, ["black", "white"]) == VISIBILITY
    assert resolve_visibility({1: "cell", 2: "cell"}, ["cell"]) == {1: 0, 2: 0}
    code = Code(1, KEYPOINTS)
    assert classes_of(code, VISIBILITY).tolist() == [0, 1, 1, 0, -1, 0]
    assert classes_of(code, VISIBILITY).dtype == np.int64


@pytest.mark.parametrize(
    ("names", "reason"),
    [({2: "blak"}, "'blak', not one of black, white"), ({"x": None}, "'x' is not an"), (3, "not a map")],
)
def test_a_wrong_visibility_is_refused(names, reason):
    with pytest.raises(CellmarkError, match=reason):
        resolve_visibility(names, ["black", "white"])
