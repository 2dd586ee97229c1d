"""Variants beside their originals: nothing is changed that was there, and a second run adds nothing."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.prepare.warp import plan
from cellmark.data.prepare.warp.plan import Request, plan_root
from cellmark.data.prepare.warp.steps import Settings
from cellmark.data.prepare.warp.write import WarpCounts, add_variants
from cellmark.errors import CellmarkError
from cellmark.files import locked, write_image
from tests.conftest import write_plain_folders
from tests.data.prepare.warp.test_new_root import MEANING, coco, content, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_plain_folders(tmp_path / "root", folders=2, images=2)


def warp(root: Path, variants: str = "warps", seed: int = 3, workers: int = 1, **rest) -> WarpCounts:
    request = Request(variants, seed, **{"visibility_to_class": MEANING} | rest)
    return add_variants(plan_root(root, request), request, workers)


def test_originals_stay_and_variants_come_beside_them(root: Path):
    before, entries = content(root), coco(root, "fold0")
    counts = warp(root)
    after = content(root)
    assert (counts.variants, counts.there) == (8, 0)
    assert {name for name in after if name not in before} == {
        f"fold{fold}/{name}"
        for fold in (0, 1)
        for name in ("annotations.json.original", *(f"{w}_00{i}.png" for w in ("curved", "crumpled") for i in (0, 1)))
    }
    for name, data in before.items():
        assert after[name + ".original" if name.endswith(".json") else name] == data
    now = coco(root, "fold0")
    for key in ("images", "annotations"):
        assert now[key][:2] == entries[key] and len(now[key]) == 6
    folders = load_root(root, resolve_visibility(VISIBILITY, CLASSES))
    assert [len(folder.images) for folder in folders] == [6, 6]


def test_every_state_of_the_coco_file_is_kept(root: Path):
    file = root / "fold0" / "annotations.json"
    first = file.read_bytes()
    warp(root, only=["fold0"])
    second = file.read_bytes()
    warp(root, "all", only=["fold0"])
    assert (root / "fold0" / "annotations.json.original").read_bytes() == first
    assert (root / "fold0" / "annotations.json.original.2").read_bytes() == second
    file.write_bytes(first)
    for picture in [*(root / "fold0").glob("*_*.png")]:
        picture.unlink()
    warp(root, only=["fold0"])
    assert file.read_bytes() == second and not (root / "fold0" / "annotations.json.original.3").exists()


def test_the_same_as_in_a_new_root(root: Path, tmp_path: Path):
    write(root, tmp_path / "new", "all", seed=3)
    warp(root, "all", workers=2)
    there = {name: data for name, data in content(root).items() if ".original" not in name}
    assert there == content(tmp_path / "new")


def test_a_second_run_adds_nothing(root: Path):
    warp(root)
    once = content(root)
    counts = warp(root)
    assert (counts.variants, counts.there) == (0, 8) and content(root) == once


def test_a_larger_set_or_a_new_picture_adds_what_is_missing(root: Path, tmp_path: Path):
    source = shutil.copytree(root, tmp_path / "source")
    warp(root)
    assert warp(root, "all").variants == 4 * (15 - 3)
    at_once = write(source, tmp_path / "new", "all", seed=3)
    assert at_once.variants == 4 * 14
    names = {name for name in content(root) if name.endswith(".png")}
    assert names == {name for name in content(tmp_path / "new") if name.endswith(".png")}
    assert all(content(root)[name] == content(tmp_path / "new")[name] for name in names)

    values = coco(root, "fold1")
    shutil.copy(root / "fold1" / "000.png", root / "fold1" / "new.png")
    values["images"].append(values["images"][0] | {"id": 900, "file_name": "new.png"})
    values["annotations"].append(values["annotations"][0] | {"id": 901, "image_id": 900})
    (root / "fold1" / "annotations.json").write_text(json.dumps(values))
    counts = warp(root)
    assert (counts.variants, counts.there) == (2, 8)
    assert (root / "fold1" / "crumpled_new.png").is_file()


def test_a_new_root_of_a_root_with_variants_holds_them_once(root: Path, tmp_path: Path):
    warp(root)
    counts = write(root, tmp_path / "new", "warps", seed=3)
    assert (counts.variants, counts.there) == (0, 8)
    assert content(tmp_path / "new") == {k: v for k, v in content(root).items() if ".original" not in k}


def test_other_settings_are_refused_with_the_difference(root: Path):
    warp(root)
    before = content(root)
    with pytest.raises(
        CellmarkError, match=r"curved_000\.png\) was made otherwise: curvature is 0\.2 there, 0\.1 here"
    ):
        warp(root, settings=Settings(curvature=0.1))
    with pytest.raises(CellmarkError, match=r"crumpled_000\.png\) was made otherwise: seed is 3 there, 4 here"):
        warp(root, seed=4)
    assert content(root) == before
    noisier = Settings(noise=(1.0, 2.0))  # nothing that is there depends on it
    assert warp(root, settings=noisier).variants == 0


def test_only_the_named_folders_are_touched(root: Path):
    before = content(root)
    warp(root, only=["fold0"])
    assert all(content(root)[name] == data for name, data in before.items() if name.startswith("fold1"))
    assert not list((root / "fold1").glob("curved*")) and len(list((root / "fold0").glob("cur*"))) == 2


def test_a_file_in_the_way_is_never_overwritten(root: Path):
    mine = root / "fold1" / "crumpled_001.png"
    write_image(mine, np.full((64, 64, 3), 7, np.uint8))
    before = content(root)
    with pytest.raises(CellmarkError, match=r"crumpled_001\.png: is in the way of a variant"):
        warp(root)
    assert content(root) == before
    values = coco(root, "fold1")
    values["images"].append(values["images"][0] | {"id": 900, "file_name": "crumpled_001.png"})
    (root / "fold1" / "annotations.json").write_text(json.dumps(values))
    with pytest.raises(
        CellmarkError, match=r"crumpled_001\.png would be a variant of 001\.png, but is another picture"
    ):
        warp(root)


def test_what_a_killed_run_left_in_place_is_taken_over(root: Path, tmp_path: Path):
    write(root, tmp_path / "new", "warps", seed=3)
    shutil.copy(tmp_path / "new/fold0/curved_001.png", root / "fold0/curved_001.png")  # killed between the moves
    assert warp(root).variants == 8
    assert {k: v for k, v in content(root).items() if ".original" not in k} == content(tmp_path / "new")


def test_an_annotation_file_that_changes_meanwhile_is_left_alone(root: Path):
    request = Request("warps", 3, MEANING)
    plans = plan_root(root, request)
    file = root / "fold1" / "annotations.json"
    file.write_text(file.read_text() + " ")
    before = content(root)
    with pytest.raises(CellmarkError, match=r"annotations\.json: was changed by somebody else meanwhile"):
        add_variants(plans, request, 1)
    assert content(root) == before


@pytest.mark.parametrize(("value", "steps"), [("1", ["curved"]), (1, "curved"), (1, None)])
def test_entries_that_claim_to_be_variants_of_nothing_are_refused(root: Path, value, steps):
    values = coco(root, "fold0")
    values["images"][1] |= {"variant_of": value, "variant": steps}
    (root / "fold0" / "annotations.json").write_text(json.dumps(values))
    with pytest.raises(CellmarkError, match=r"fold0/annotations\.json: image 2: variant_of is"):
        warp(root)


def test_numbers_that_json_cannot_say_are_refused_before_anything_moves(root: Path):
    values = coco(root, "fold1")
    values["annotations"][0]["score"] = float("nan")
    (root / "fold1" / "annotations.json").write_text(json.dumps(values))
    before = content(root)
    with pytest.raises(CellmarkError, match=r"fold1/annotations\.json: holds NaN or infinity"):
        warp(root)
    assert content(root) == before


def test_an_edit_while_the_root_is_read_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch):
    def edited(*arguments, **keys):
        found = load_root(*arguments, **keys)
        values = coco(root, "fold0")
        values["annotations"][0]["keypoints"][0] += 20
        (root / "fold0" / "annotations.json").write_text(json.dumps(values))
        return found

    monkeypatch.setattr(plan, "load_root", edited)
    with pytest.raises(CellmarkError, match=r"fold0/annotations\.json: was changed by somebody else meanwhile"):
        plan_root(root, Request("warps", 3, MEANING))


def test_two_at_once_are_refused(root: Path):
    before = content(root)
    with locked(root), pytest.raises(CellmarkError, match="another process is writing variants there"):
        warp(root)
    assert content(root) == before
    assert warp(root).variants == 8


def test_an_error_while_files_take_their_places_leaves_whole_folders(root: Path, monkeypatch: pytest.MonkeyPatch):
    before, replace = content(root), Path.replace

    def failing(path: Path, target: Path) -> Path:
        if target.name == "crumpled_001.png" and target.parent.name == "fold1":
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        warp(root)
    monkeypatch.undo()
    after = content(root)
    assert {name: data for name, data in after.items() if name.startswith("fold1")} == {
        name: data for name, data in before.items() if name.startswith("fold1")
    }
    assert len(coco(root, "fold0")["images"]) == 6
    assert warp(root, seed=3).variants == 4


def test_an_error_after_the_coco_file_is_in_place_takes_nothing_back(root: Path, monkeypatch: pytest.MonkeyPatch):
    replace = Path.replace

    def failing(path: Path, target: Path) -> Path:
        done = replace(path, target)
        if target == root / "fold0" / "annotations.json":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(KeyboardInterrupt):
        warp(root)
    monkeypatch.undo()
    assert [len(folder.images) for folder in load_root(root, MEANING)] == [6, 2]  # sound, one folder complete
    assert warp(root).variants == 4


def test_names_are_compared_as_the_file_system_does(root: Path, tmp_path: Path):
    values = coco(root, "fold0")
    (root / "fold0" / "001.png").rename(root / "fold0" / "curved_000.png")
    values["images"][1]["file_name"] = "./curved_000.png"
    (root / "fold0" / "annotations.json").write_text(json.dumps(values))
    with pytest.raises(CellmarkError, match=r"curved_000\.png would be a variant of 000\.png, but is another picture"):
        write(root, tmp_path / "new", "warps", seed=3)


def test_a_link_in_the_way_stays_and_a_linked_coco_file_is_extended_where_it_lies(root: Path):
    (root / "fold1" / "curved_000.png").symlink_to("nowhere")
    with pytest.raises(CellmarkError, match=r"curved_000\.png: is in the way"):
        warp(root)
    (root / "fold1" / "curved_000.png").unlink()
    file = root / "fold1" / "annotations.json"
    file.rename(root / "fold1" / "real.json")
    file.symlink_to("real.json")
    assert warp(root).variants == 8
    assert file.is_symlink() and len(json.loads((root / "fold1" / "real.json").read_text())["images"]) == 6


def test_keypoints_without_a_class_stay_whatever_their_v(root: Path):
    meaning = {**MEANING, 7: None}
    values = coco(root, "fold0")
    values["annotations"][0]["keypoints"][:3] = [2000, 2000, 7]
    (root / "fold0" / "annotations.json").write_text(json.dumps(values))
    counts = warp(root, visibility_to_class=meaning, variants="all")
    for entry in coco(root, "fold0")["annotations"]:
        if coco(root, "fold0")["images"][entry["image_id"] - 1].get("variant_of", entry["image_id"]) == 1:
            assert entry["keypoints"][:3] == [2000, 2000, 7]
    assert counts.variants == 4 * 14


def test_what_moves_nothing_keeps_the_geometry_as_it_was_written(root: Path):
    values = coco(root, "fold0")
    values["annotations"][0]["keypoints"][0] = 20.123456789
    values["annotations"][0]["segmentation"] = [[1, 2, 3, 4, 5, 6]]
    (root / "fold0" / "annotations.json").write_text(json.dumps(values))
    warp(root, "elementary")
    now = coco(root, "fold0")
    chains = {image["id"]: image.get("variant") for image in now["images"] if image.get("variant_of", 1) == 1}
    copies = {str(chains[a["image_id"]]): a for a in now["annotations"] if a["image_id"] in chains}
    for chain in ("['noise']", "['contrast']"):
        assert copies[chain]["keypoints"] == values["annotations"][0]["keypoints"]
        assert copies[chain]["segmentation"] == [[1, 2, 3, 4, 5, 6]]
    assert copies["['rotated1']"]["segmentation"] == []
