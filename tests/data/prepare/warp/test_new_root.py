"""Offline sets: what is in them, the same bytes for the same seed, whole or not at all."""

import json
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.check import load_root
from cellmark.data.images import read_image
from cellmark.data.prepare.warp import pictures
from cellmark.data.prepare.warp.plan import Request
from cellmark.data.prepare.warp.steps import Settings
from cellmark.data.prepare.warp.variants import SETS, chains_of, variant_name
from cellmark.data.prepare.warp.write import WarpCounts, write_new_root
from cellmark.errors import CellmarkError
from tests.conftest import write_plain_folders

MEANING = resolve_visibility(VISIBILITY, CLASSES)
ALL = [
    prefix + warp
    for warp in ("", "curved_", "crumpled_")
    for prefix in ("", "rotated1_", "rotated2_", "noise_", "contrast_")
]


def write(source: Path, target: Path, variants: str, seed: int, workers: int | None = 1, **rest) -> WarpCounts:
    return write_new_root(source, target, Request(variants, seed, **{"visibility_to_class": MEANING} | rest), workers)


def content(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def coco(root: Path, folder: str) -> dict:
    return json.loads((root / folder / "annotations.json").read_text())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders of two pictures; the first has keys that no reader knows."""
    root = write_plain_folders(tmp_path_factory.mktemp("offline") / "source", folders=3, images=2)
    file = root / "fold0" / "annotations.json"
    values = json.loads(file.read_text())
    values["site"] = "line 4"
    values["images"][0] |= {"id": 70, "camera": "left"}
    values["annotations"][0] |= {
        "id": 31,
        "image_id": 70,
        "text": "ABC",
        "grade": 3,
        "segmentation": [[0, 0, 1, 1, 0, 1]],
    }
    values["annotations"][0]["keypoints"][:3] = [0, 0, 0]  # not labelled
    values["annotations"][0]["num_keypoints"] -= 1
    file.write_text(json.dumps(values))
    return root


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("offline") / "all"
    write(source, target, "all", seed=3)
    return target


def test_the_sets_have_their_sizes():
    sizes = {name: 1 + len(chains_of(name)) for name in SETS}
    assert sizes == {"warps": 3, "warps_smooth": 4, "elementary": 5, "all": 15}


def test_names_in_the_order_of_application():
    assert variant_name(("curved", "rotated1"), "a.png") == "rotated1_curved_a.png"
    assert variant_name(("crumpled",), "sub/a.png") == "sub/crumpled_a.png"


def test_fifteen_of_each_beside_the_original(source: Path, whole: Path):
    for folder in ("fold0", "fold1", "fold2"):
        expected = {prefix + name for prefix in ALL for name in ("000.png", "001.png")}
        assert {file.name for file in (whole / folder).iterdir()} == expected | {"annotations.json"}
        assert {image["file_name"] for image in coco(whole, folder)["images"]} == expected
        for name in ("000.png", "001.png"):
            assert (whole / folder / name).read_bytes() == (source / folder / name).read_bytes()
    pictures = [file.read_bytes() for file in whole.rglob("*.png")]
    assert len(set(pictures)) == len(pictures) == 90


def test_it_is_a_sound_root(whole: Path):
    folders = load_root(whole, resolve_visibility(VISIBILITY, CLASSES))
    assert [len(folder.images) for folder in folders] == [30, 30, 30]


def test_entries_keep_their_keys_and_originals_are_untouched(source: Path, whole: Path):
    before, after = coco(source, "fold0"), coco(whole, "fold0")
    assert after["site"] == "line 4"
    assert after["images"][:2] == before["images"] and after["annotations"][:2] == before["annotations"]
    images = {image["id"]: image for image in after["images"]}
    made = [entry for entry in after["annotations"] if entry.get("text") == "ABC"][1:]
    assert len(made) == 14 and len(images) == 30
    assert len({entry["id"] for entry in after["annotations"]}) == 30
    for entry in made:
        image = images[entry["image_id"]]
        assert image["variant_of"] == 70 and image["camera"] == "left"
        assert image["file_name"] == variant_name(tuple(image["variant"]), "000.png")
        outline = [[0, 0, 1, 1, 0, 1]] if image["variant"] in (["noise"], ["contrast"]) else []
        assert (entry["grade"], entry["rows"], entry["cols"], entry["segmentation"]) == (3, 10, 10, outline)
        assert entry["keypoints"][:3] == [0, 0, 0]


def test_keypoints_that_leave_are_not_labelled_and_not_clipped(whole: Path):
    left = 0
    for folder in ("fold0", "fold1", "fold2"):
        for entry in coco(whole, folder)["annotations"]:
            points = np.array(entry["keypoints"]).reshape(-1, 3)
            inside = ((points[:, :2] >= -0.5) & (points[:, :2] <= 63.5)).all(axis=1)
            labelled = points[points[:, 2] > 0, :2]
            assert inside[points[:, 2] > 0].all()
            left += (~inside).sum()
            assert entry["num_keypoints"] == len(labelled)
            low, high = labelled.min(axis=0), labelled.max(axis=0)
            np.testing.assert_allclose(entry["bbox"], [*low, *(high - low)], atol=2e-3)
            assert entry["area"] == pytest.approx(np.prod(high - low), rel=1e-3)
    assert left > 100


def test_cells_keep_their_colour(whole: Path):
    """Read where the variant's annotation says: black cells are darker than white ones, nearly always."""
    for folder in ("fold1", "fold2"):
        values = coco(whole, folder)
        names = {image["id"]: image["file_name"] for image in values["images"]}
        for entry in values["annotations"]:
            image = read_image(whole / folder / names[entry["image_id"]])[..., 1].astype(np.float32)
            points = np.array(entry["keypoints"], np.float32).reshape(-1, 3)
            points = points[points[:, 2] > 0]
            grey = cv2.remap(image, points[:, :1], points[:, 1:2], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            dark = grey[:, 0] < np.median([grey[points[:, 2] == v].mean() for v in (1, 2)])
            assert (dark == (points[:, 2] == 2)).mean() > 0.93, names[entry["image_id"]]


def test_same_bytes_with_workers_and_without_the_other_folders(source: Path, whole: Path, tmp_path: Path):
    write(source, tmp_path / "two", "all", seed=3, workers=2)
    assert content(tmp_path / "two") == content(whole)
    shutil.copytree(source / "fold2", tmp_path / "one" / "fold2")
    write(tmp_path / "one", tmp_path / "alone", "all", seed=3)
    assert content(tmp_path / "alone" / "fold2") == content(whole / "fold2")


def test_another_seed_gives_other_pictures(source: Path, whole: Path, tmp_path: Path):
    write(source, tmp_path / "other", "warps", seed=4)
    same = {name: data == content(whole)[name] for name, data in content(tmp_path / "other").items() if "/c" in name}
    assert Counter(same.values()) == {True: 6, False: 6}  # nothing in the curvature is random
    assert all(name.split("/")[1].startswith("curved") == equal for name, equal in same.items())


def test_a_fold_to_validate_on_is_only_copied(source: Path, tmp_path: Path):
    before = content(source)
    counts = write(source, tmp_path / "set", "warps", seed=0, only=["fold0", "fold2"])
    assert (counts.variants, counts.there, counts.redraws) == (8, 0, 0)
    assert content(tmp_path / "set" / "fold1") == content(source / "fold1")
    assert len(list((tmp_path / "set" / "fold0").iterdir())) == 7
    assert content(source) == before


def test_counts_of_points_that_left(source: Path, tmp_path: Path):
    counts = write(source, tmp_path / "set", "warps", seed=0)
    lost = sum(
        v == 0
        for folder in ("fold0", "fold1", "fold2")
        for entry in coco(tmp_path / "set", folder)["annotations"]
        for v in entry["keypoints"][2::3]
    )
    assert counts.left == lost - 3 > 0  # one was not labelled before, in the original and two variants


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_half_way_leaves_nothing(source: Path, tmp_path: Path, workers: int):
    settings = Settings(smooth_strength=400.0)  # folds, however often it is drawn
    with pytest.raises(CellmarkError, match=r"000\.png: 100 random fields in a row"):
        write(source, tmp_path / "set", "warps_smooth", seed=0, workers=workers, settings=settings)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_half_way_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_image, written = pictures.write_image, []

    def interrupted(path: Path, image: np.ndarray) -> None:
        if len(written) == 5:
            raise KeyboardInterrupt
        write_image(path, image)
        written.append(path.exists())

    monkeypatch.setattr(pictures, "write_image", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(source, tmp_path / "set", "all", seed=0)
    assert written == [True] * 5
    assert list(tmp_path.iterdir()) == []


def test_jpeg_stays_jpeg(tmp_path: Path):
    root = write_plain_folders(tmp_path / "root", folders=1, images=1)
    image = cv2.imread(str(root / "fold0" / "000.png"))
    cv2.imwrite(str(root / "fold0" / "000.jpg"), image)
    file = root / "fold0" / "annotations.json"
    file.write_text(file.read_text().replace("000.png", "000.jpg"))
    write(root, tmp_path / "set", "elementary", seed=0)
    files = sorted((tmp_path / "set" / "fold0").glob("*.jpg"))
    assert len(files) == 5 and all(file.read_bytes()[:2] == b"\xff\xd8" for file in files)


def test_refusals(source: Path, whole: Path, tmp_path: Path):
    target = tmp_path / "set"
    for reason, arguments in {
        "variants='some': not one of warps,": {"variants": "some"},
        "no folder fold9 to make variants in; there are fold0, fold1, fold2": {"only": ["fold9"]},
        "lies in the input": {"target": source / "set"},
        "already there": {"target": whole},
        "0 must mean 'not labelled'": {"visibility_to_class": {2: 0, 1: 0}},
    }.items():
        with pytest.raises(CellmarkError, match=reason):
            write(**{"source": source, "target": target, "variants": "warps", "seed": 0} | arguments)
    broken = shutil.copytree(source, tmp_path / "broken")
    (broken / "fold1" / "001.png").unlink()
    with pytest.raises(CellmarkError, match="no such file"):
        write(broken, target, "warps", seed=0)
    assert not target.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"degrees": (90.0, 0.0)},
        {"noise": (-1.0, 2.0)},
        {"contrast": (0.5, float("nan"))},
        {"wrinkles": -1},
        {"curvature": float("inf")},
        {"border": "black"},
    ],
)
def test_settings_without_meaning_are_refused(change):
    with pytest.raises(CellmarkError, match=next(iter(change))):
        Settings(**change)
