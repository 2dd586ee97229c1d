"""Groups of images that look alike, against slow references."""

import json
import random
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.check import check
from cellmark.data.images import read_image
from cellmark.data.prepare.group import Group, each_image, features, group_images, write_groups
from cellmark.data.records import ImageRecord
from cellmark.errors import CellmarkError
from cellmark.files import write_image
from tests.data.broken import sound_folder

IMAGES = 300
MEANING = resolve_visibility(VISIBILITY, CLASSES)


def nothing(*_: object) -> None:
    pass


def shares(length: int) -> np.ndarray:
    """float64 (64, length): how much of each pixel lies under each of 64 equal parts of the side."""
    weights = np.zeros((64, length))
    for part in range(64):
        low, high = part * length / 64, (part + 1) * length / 64
        for pixel in range(length):
            weights[part, pixel] = max(0.0, min(high, pixel + 1) - max(low, pixel)) / (high - low)
    return weights


def between(length: int) -> np.ndarray:
    """float64 (64, length): weights of the two pixels whose centres are nearest, at the ends of the one."""
    weights = np.zeros((64, length))
    for place in range(64):
        x = min(max((place + 0.5) * length / 64 - 0.5, 0.0), length - 1.0)
        left = min(int(x), max(length - 2, 0))
        weights[place, left] += 1 - (x - left)
        weights[place, min(left + 1, length - 1)] += x - left
    return weights


@pytest.mark.parametrize("size", [(128, 192), (64, 64), (97, 250), (200, 65), (40, 30), (63, 300), (1, 1), (300, 5)])
@pytest.mark.parametrize("band", [2**20, 1, 999])
def test_features_equal_a_slow_reference(size, band, monkeypatch):
    monkeypatch.setattr("cellmark.data.prepare.group._BAND", band)
    image = np.random.default_rng(size).integers(0, 256, (*size, 3)).astype(np.uint8)
    matrix = shares if min(size) >= 64 else between
    small = np.einsum("ih,jw,hwc->ijc", matrix(size[0]), matrix(size[1]), image.astype(np.float64), optimize=True)
    expected = [*(small[..., channel].mean() for channel in range(3)), *(small[..., c].std() for c in range(3))]
    np.testing.assert_allclose(features(image), expected, atol=2e-3)


@pytest.mark.parametrize("size", [(2000, 3000), (200_000, 30), (30, 200_000), (5000, 800)])
def test_features_take_less_memory_than_the_image(size):
    image = np.zeros((*size, 3), np.uint8)
    tracemalloc.start()
    features(image)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < image.nbytes


def test_a_few_images_are_held_at_a_time(records, monkeypatch):
    lock, now, most = threading.Lock(), 0, 0

    def read(path: Path) -> np.ndarray:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.002)
        with lock:
            now -= 1
        return read_image(path)

    monkeypatch.setattr("cellmark.data.prepare.group.read_image", read)
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    paths = [record.path for record in records.values()][:60]
    assert list(each_image(paths, lambda image: image.tolist())) == [read_image(path).tolist() for path in paths]
    assert 1 < most <= 4


def test_channels_are_red_green_and_blue(tmp_path):
    write_image(tmp_path / "a.png", np.full((9, 9, 3), (10, 20, 30), np.uint8))
    np.testing.assert_allclose(features(read_image(tmp_path / "a.png")), [10, 20, 30, 0, 0, 0], atol=1e-6)


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> dict[str, ImageRecord]:
    """Images of many colours and contrasts, without gaps between them."""
    folder, rng, found = tmp_path_factory.mktemp("images"), np.random.default_rng(3), {}
    for index in range(IMAGES):
        colour, spread = rng.uniform(40, 210, 3), rng.uniform(0, 40)
        image = (colour + rng.normal(0, spread, (8, 8, 3))).clip(0, 255).astype(np.uint8)
        write_image(folder / f"{index}.png", image)
        found[f"{index}.png"] = ImageRecord(index, folder / f"{index}.png", 8, 8)
    return found


def parts(groups: list[Group]) -> list[set[str]]:
    return [set(group.records) for group in groups]


@pytest.mark.parametrize(("k", "seed"), [(2, 0), (6, 0), (6, 1), (9, 2)])
def test_one_more_step_of_plain_k_means_changes_nothing(records, k, seed):
    groups = group_images(records, k, seed, nothing)
    assert set().union(*parts(groups)) == set(records) and sum(map(len, parts(groups))) == IMAGES
    table = {name: features(read_image(record.path)) for name, record in records.items()}
    centres = np.array([group.centre for group in groups])
    for group in groups:
        assert group.records and list(group.records) == sorted(group.records)
        np.testing.assert_allclose(np.mean([table[name] for name in group.records], axis=0), group.centre, atol=1e-5)
        for name in group.records:
            distances = ((table[name] - centres) ** 2).sum(axis=1)
            assert groups[int(distances.argmin())] is group
    brightness = centres[:, :3].mean(axis=1).tolist()
    assert brightness == sorted(brightness)
    assert [group.name for group in groups] == [f"group_{number}" for number in range(1, k + 1)]


def test_it_is_no_worse_than_plain_k_means_from_many_starts(records):
    groups = group_images(records, 4, 0, nothing)
    rows = np.array([features(read_image(record.path)) for record in records.values()])
    found = sum(
        ((features(read_image(record.path)) - group.centre) ** 2).sum()
        for group in groups
        for record in group.records.values()
    )
    best, rng = np.inf, np.random.default_rng(0)
    for _ in range(30):
        centres = rows[rng.choice(IMAGES, 4, replace=False)]
        for _ in range(50):
            near = ((rows[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
            centres = np.array([rows[near == k].mean(axis=0) if (near == k).any() else centres[k] for k in range(4)])
        best = min(best, ((rows[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum())
    assert found <= best * 1.02


def test_neither_order_nor_time_makes_a_difference(records):
    first = parts(group_images(records, 6, 0, nothing))
    for seed in range(3):
        names = list(records)
        random.Random(seed).shuffle(names)
        assert parts(group_images({name: records[name] for name in names}, 6, 0, nothing)) == first


def test_variants_join_their_originals_whatever_they_look_like(records):
    plain = group_images(records, 6, 0, nothing)
    group_of = {name: number for number, part in enumerate(parts(plain)) for name in part}
    names = sorted(records)
    variants = {f"curved_{name}": name for name in names[:200]}
    every = dict(records)
    for place, name in enumerate(variants):  # each looks like some other image
        every[name] = records[names[(7 * place + 31) % IMAGES]]
    groups = group_images(every, 6, 0, nothing, variants)
    for number, (group, before) in enumerate(zip(groups, plain, strict=True)):
        np.testing.assert_array_equal(group.centre, before.centre)
        expected = {*before.records, *(name for name, origin in variants.items() if group_of[origin] == number)}
        assert set(group.records) == expected and list(group.records) == sorted(expected)
    with pytest.raises(CellmarkError, match=f"k=301: there are only {IMAGES} images without the 200 variants"):
        group_images(every, 301, 0, nothing, variants)


def test_names_are_padded(records):
    names = [group.name for group in group_images(records, 12, 0, nothing)]
    assert names == [f"group_{number:02d}" for number in range(1, 13)]


def test_as_many_groups_as_images_and_as_one(records):
    few = dict(list(records.items())[:20])
    assert [len(part) for part in parts(group_images(few, 20, 0, nothing))] == [1] * 20
    assert [len(part) for part in parts(group_images(few, 1, 0, nothing))] == [20]


def test_more_groups_than_images_or_than_different_ones(records, tmp_path):
    with pytest.raises(CellmarkError, match=f"k={IMAGES + 1}: there are only {IMAGES} images"):
        group_images(records, IMAGES + 1, 0, nothing)
    same = {}
    for index in range(6):
        image = np.random.default_rng(index % 2).integers(0, 256, (70, 70, 3)).astype(np.uint8)
        write_image(tmp_path / f"{index}.png", image)
        same[f"{index}.png"] = ImageRecord(index, tmp_path / f"{index}.png", 70, 70)
    with pytest.raises(CellmarkError, match="k=3: the colours of only 2 of 6 images differ"):
        group_images(same, 3, 0, nothing)
    assert sorted(map(len, parts(group_images(same, 2, 0, nothing)))) == [3, 3]


def test_every_group_gets_its_part_of_the_coco_file(tmp_path):
    """With all ids and keys as they were; entries that are not sound go nowhere."""
    folder = sound_folder(tmp_path / "in")
    content = json.loads((folder / "annotations.json").read_text())
    content |= {"site": "line 4", "info": {"year": 2025}, "licenses": [{"id": 3}]}
    content["images"][2] |= {"id": 70, "camera": "left"}
    content["annotations"][2] |= {"id": 31, "image_id": 70, "grade": 3}
    content["annotations"].append({**content["annotations"][0], "id": 99, "image_id": True})
    content["images"].append({**content["images"][0], "id": True})
    records = {f"{index}.png": ImageRecord(id, folder / f"{index}.png", 24, 16) for index, id in enumerate((1, 2, 70))}
    one = Group("group_1", {name: records[name] for name in ("0.png", "2.png")}, np.zeros(6))
    two = Group("group_2", {"1.png": records["1.png"]}, np.zeros(6))
    write_groups([one, two], content, tmp_path / "out", nothing)
    first, second = (json.loads((tmp_path / "out" / f"group_{n}" / "annotations.json").read_text()) for n in (1, 2))
    for part in (first, second):
        assert {key: value for key, value in part.items() if key not in ("images", "annotations")} == {
            key: value for key, value in content.items() if key not in ("images", "annotations")
        }
    assert first["images"] == [content["images"][0], content["images"][2]]
    assert first["annotations"] == [content["annotations"][0], content["annotations"][2]]
    assert (second["images"], second["annotations"]) == ([content["images"][1]], [content["annotations"][1]])
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")}
    assert files == {"group_1/0.png", "group_1/2.png", "group_2/1.png"}
    folders, problems = check(tmp_path / "out", MEANING)
    assert not problems and [len(folder.images) for folder in folders] == [2, 1]


def test_an_image_cannot_take_the_name_of_the_coco_file(tmp_path):
    folder = sound_folder(tmp_path / "in")
    record = ImageRecord(1, folder / "0.png", 24, 16)
    group = Group("group_1", {"./annotations.json": record}, np.zeros(6))
    with pytest.raises(CellmarkError, match=r"0.png: an image cannot have the name of a file"):
        write_groups([group], {"images": [{"id": 1}]}, tmp_path / "out", nothing)


def test_images_in_folders_keep_their_place(tmp_path):
    folder: Path = sound_folder(tmp_path / "in")
    (folder / "deep").mkdir()
    (folder / "0.png").rename(folder / "deep" / "0.png")
    group = Group("group_1", {"deep/0.png": ImageRecord(1, folder / "deep" / "0.png", 24, 16)}, np.zeros(6))
    write_groups([group], {"images": [{"id": 1, "file_name": "deep/0.png"}]}, tmp_path / "out", nothing, link=True)
    assert (tmp_path / "out" / "group_1" / "deep" / "0.png").samefile(folder / "deep" / "0.png")
