import json
import math
from collections import Counter
from dataclasses import asdict

import cv2
import numpy as np
import pytest

from cellmark.data.batch import collate
from cellmark.data.check import load_root
from cellmark.data.dataset import load_sample
from cellmark.data.images import read_image
from cellmark.data.measure import collect, measure
from cellmark.data.records import CocoFile, Code, ImageRecord
from cellmark.files import write_image, write_json
from tests.conftest import CELLS, PITCH
from tests.data.broken import HEIGHT, KEYPOINTS, VISIBILITY, WIDTH, sound_folder

CLASSES = ["black", "white"]


def slow_pitch(places, cap):
    """Distance to the nearest other place, in float64, one pair after another."""
    found = []
    for one, (x, y) in enumerate(places):
        others = [math.hypot(x - u, y - v) for two, (u, v) in enumerate(places) if two != one]
        found.append(min([cap, *others]))
    return found


def test_plain_folders_are_counted_as_their_json_says(plain_root):
    folders, every = collect(load_root(plain_root, VISIBILITY), VISIBILITY, CLASSES, (128, 128))
    assert [one.name for one in folders] == ["fold0", "fold1", "fold2"]
    total = Counter()
    for one in folders:
        content = json.loads((plain_root / one.name / "annotations.json").read_text())
        v = Counter(v for annotation in content["annotations"] for v in annotation["keypoints"][2::3])
        assert one.cells == {"black": v[2], "white": v[1]} and one.not_labelled == v[0] == 0
        assert one.shares["black"] == pytest.approx(v[2] / (v[1] + v[2]))
        assert (one.images, one.codes, one.empty) == (6, 6, 0)
        assert one.sizes == {(64, 64): 6} and one.grids == {(CELLS, CELLS): 6}
        assert one.code_size == {"median": 100, "min": 100, "max": 100}
        np.testing.assert_allclose(one.pitch, PITCH, atol=0.002)  # the JSON is rounded to 0.001 px
        np.testing.assert_allclose(one.input_pitch, 2 * PITCH, atol=0.004)
        np.testing.assert_allclose(one.contrast, 195 / 255, atol=1e-9)
        assert (one.separability == 1).all() and one.light_on_dark == 0
        total += v
    assert every.cells == {"black": total[2], "white": total[1]}
    assert (every.images, every.codes, len(every.pitch), len(every.contrast)) == (18, 18, 1800, 18)


def test_pitch_is_that_of_a_slow_loop_and_of_training(tmp_path):
    """Of two codes on a picture that is not square, with cells that are not labelled."""
    rng = np.random.default_rng(4)
    codes = tuple(Code(n, np.column_stack([rng.uniform(0, 100, (9, 2)), rng.integers(0, 3, 9)])) for n in (1, 2))
    write_image(tmp_path / "a.png", rng.integers(0, 256, (101, 160, 3), dtype=np.uint8))
    record, size = ImageRecord(1, tmp_path / "a.png", 160, 101, codes), (64, 80)
    numbers = measure(record, VISIBILITY, CLASSES, size)
    places = [(x, y) for code in codes for x, y, v in code.keypoints.tolist() if v]
    np.testing.assert_allclose(numbers.pitch, slow_pitch(places, 101 / 8), rtol=1e-6)
    batch = collate([load_sample("f", record, size, VISIBILITY)])
    np.testing.assert_allclose(numbers.input_pitch, batch.pitch[0], rtol=1e-5)
    assert numbers.cells == tuple(int((batch.labels == index).sum()) for index in range(2))
    assert numbers.not_labelled == numbers.background == 18 - len(places)
    assert numbers.size == (160, 101) and numbers.code_cells == (9, 9) and numbers.grids == (None, None)


def test_cells_without_a_class_are_told_apart_by_where_they_lie(tmp_path):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    outside = [[-0.6, 3, 0], [WIDTH - 0.5, 3, 0], [4, HEIGHT + 9, 0], [-0.5, 15.4, 0], [0, 0, 0]]
    record = ImageRecord(1, tmp_path / "a.png", WIDTH, HEIGHT, (Code(1, np.array(outside)),))
    numbers = measure(record, VISIBILITY, CLASSES, (32, 32))
    assert (numbers.not_labelled, numbers.background, numbers.cells) == (5, 2, (0, 0))
    assert not len(numbers.pitch) and numbers.contrasts == ()


def test_light_on_dark_and_pictures_without_a_code(tmp_path, plain_root):
    coco, source = CocoFile(), load_root(plain_root, VISIBILITY)[0]
    for number, record in enumerate(source.images[:4]):
        image = read_image(record.path)
        write_image(tmp_path / f"r/a/{number}.png", cv2.bitwise_not(image) if number == 1 else image)
        coco.add_image(f"{number}.png", 64, 64, [] if number == 3 else record.codes)
    write_json(tmp_path / "r/a/annotations.json", coco.to_dict())
    (one,), _ = collect(load_root(tmp_path / "r", VISIBILITY), VISIBILITY, CLASSES, (64, 64))
    assert (one.images, one.codes, one.empty) == (4, 3, 1)
    np.testing.assert_allclose(np.sort(one.contrast) * 255, [-195, 195, 195], atol=1e-6)
    assert one.light_on_dark == pytest.approx(1 / 3) and (one.separability == 1).all()


def test_one_class_has_no_contrast_and_what_is_not_defined_is_null(tmp_path):
    sound_folder(tmp_path / "r/a")
    visibility = {0: None, 1: 0, 2: 0}
    (one,), _ = collect(load_root(tmp_path / "r", visibility), visibility, ["cell"], (64, 96))
    assert one.cells == {"cell": 20} and one.not_labelled == 4 and one.shares == {"cell": 1.0}
    row = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert row["contrast"] is row["separability"] is row["light_on_dark"] is None
    assert row["pitch"]["median"] == pytest.approx(HEIGHT / 8) and row["grids"] == {"2x3": 4}
    assert row["image_sizes"] == {"24x16": 4} and row["cells_per_code"]["max"] == len(KEYPOINTS)


def test_a_root_without_any_code_has_statistics(tmp_path):
    coco = CocoFile()
    write_image(tmp_path / "r/a/0.png", np.zeros((9, 9, 3), np.uint8))
    coco.add_image("0.png", 9, 9, [])
    write_json(tmp_path / "r/a/annotations.json", coco.to_dict())
    (one,), every = collect(load_root(tmp_path / "r", VISIBILITY), VISIBILITY, CLASSES, (32, 32))
    assert one.shares == {"black": None, "white": None} and one.code_size is None and every.empty == 1
    assert json.loads(json.dumps(every.to_dict(), allow_nan=False))["pitch"] is None


@pytest.mark.slow
def test_several_processes_find_the_same(plain_root):
    folders, seen = load_root(plain_root, VISIBILITY), []
    alone, _ = collect(folders, VISIBILITY, CLASSES, (96, 96), workers=1)
    both, _ = collect(folders, VISIBILITY, CLASSES, (96, 96), workers=2, update=lambda *told: seen.append(told))
    assert seen == [("measuring", number, 18) for number in range(1, 19)]
    for one, other in zip(alone, both, strict=True):
        for name, value in asdict(one).items():
            np.testing.assert_equal(getattr(other, name), value)
