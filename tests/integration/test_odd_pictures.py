"""Pictures of odd shapes, and pictures that are to be shown turned, through the verbs."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from cellmark.cli.job import run_verb
from cellmark.data.images import read_image
from cellmark.data.records import CocoFile, Code
from cellmark.files import write_image, write_json
from tests.cli.test_main import composed
from tests.integration.commands import run
from tests.reading.drawn import corners, picture
from tests.reading.networks import checkpoint
from tests.verbs import training

SHAPES = {"1x1": (1, 1), "9x1": (1, 9), "20000x3": (3, 20000), "3x20000": (20000, 3)}  # height, width
EAGER = ["threshold=0.01", "min_cells=1"]  # so that there is something to see


@pytest.fixture
def odd(tmp_path):
    """A folder of odd pictures."""
    rng = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        write_image(tmp_path / f"pictures/{name}.png", rng.integers(0, 256, (*shape, 3)).astype(np.uint8))
    return tmp_path


def test_cells_of_odd_pictures_lie_in_them(odd):
    path = checkpoint(odd / "a.ckpt")
    assert run("predict", f"input={odd}/pictures", f"ckpt={path}", f"output_dir={odd}/out", *EAGER) == 0
    results = json.loads((odd / "out/predictions.json").read_text())
    assert results
    for result in results:
        height, width = SHAPES[result["file_name"].removesuffix(".png")]
        points = np.reshape(result["keypoints"], (-1, 3))[:, :2]
        assert ((points >= -0.5) & (points <= [width - 0.5, height - 0.5])).all()
    for kind in ("overlays", "heatmaps"):
        for name, (height, width) in SHAPES.items():
            drawn = read_image(odd / f"out/{kind}/{name}.png.png").shape
            assert drawn[0] * width == drawn[1] * height


@pytest.mark.parametrize("engine", ["classical", "network"])
def test_odd_pictures_are_read_to_no_text(engine, odd, capsys):
    keys = [f"input={odd}/pictures", f"ckpt={checkpoint(odd / 'a.ckpt')}", f"engine={engine}", "overlay=true"]
    assert run("read", *keys, f"output_dir={odd}/out") == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(SHAPES) and all(line["text"] is None and "code" in line["reason"] for line in lines)
    assert len(list((odd / "out/overlays").iterdir())) == len(SHAPES)


def test_odd_pictures_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    for fold in ("fold0", "fold1"):
        coco = CocoFile()
        for name, (height, width) in SHAPES.items():
            write_image(tmp_path / "root" / fold / f"{name}.png", rng.integers(0, 256, (height, width, 3), np.uint8))
            points = rng.uniform(-0.5, [width - 0.5, height - 0.5], (30, 2))
            code = Code(1, np.column_stack([points, rng.integers(1, 3, 30)]))
            coco.add_image(f"{name}.png", width, height, [code])
        write_json(tmp_path / "root" / fold / "annotations.json", coco.to_dict())
    assert run("dataset_check", f"data.root={tmp_path}/root") == 0
    more = ["trainer.max_epochs=1", "augment=strong", "data.batch_size=2", "data.mosaic={2: 0.5}"]
    verb, *arguments = training(tmp_path / "root", tmp_path / "run", *more)
    assert run_verb(verb, composed(verb, *arguments), []) == 0


TURNED = {  # by EXIF orientation: how the scene is stored, and where a point of the scene (w x h) is then
    1: (None, lambda x, y, w, h: (x, y)),
    2: (Image.Transpose.FLIP_LEFT_RIGHT, lambda x, y, w, h: (w - 1 - x, y)),
    3: (Image.Transpose.ROTATE_180, lambda x, y, w, h: (w - 1 - x, h - 1 - y)),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, lambda x, y, w, h: (x, h - 1 - y)),
    5: (Image.Transpose.TRANSPOSE, lambda x, y, w, h: (y, x)),
    6: (Image.Transpose.ROTATE_90, lambda x, y, w, h: (y, w - 1 - x)),
    7: (Image.Transpose.TRANSVERSE, lambda x, y, w, h: (h - 1 - y, w - 1 - x)),
    8: (Image.Transpose.ROTATE_270, lambda x, y, w, h: (h - 1 - y, x)),
}


@pytest.fixture
def turned(tmp_path):
    """The same scene as cameras in eight positions store it."""
    scene = Image.fromarray(picture(["one", "two"]))
    (tmp_path / "pictures").mkdir()
    for orientation, (how, _) in TURNED.items():
        stored = scene if how is None else scene.transpose(how)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"pictures/{orientation}.png"
        stored.save(path, exif=exif)
        with Image.open(path) as image:  # shown, all are the scene
            assert np.array_equal(ImageOps.exif_transpose(image), scene)
    return tmp_path


def test_text_is_read_in_every_orientation_and_lies_in_stored_pixels(turned, capsys):
    assert run("read", f"input={turned}/pictures", "engine=classical", "overlay=true", f"output_dir={turned}/out") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["text"] for line in lines) == ["one"] * 8 + ["two"] * 8
    height, width = picture(["one", "two"]).shape[:2]
    for line in lines:
        orientation = int(line["file"][-5])
        x, y = corners(line["text"] == "two").T
        expected = np.stack(TURNED[orientation][1](x, y, width, height), axis=1)
        np.testing.assert_allclose(line["corners"], expected, atol=3)
    for orientation in TURNED:
        stored = read_image(turned / f"pictures/{orientation}.png")
        drawn = read_image(turned / f"out/overlays/{orientation}.png.png")
        small = cv2.resize(drawn, stored.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.corrcoef(small.ravel(), stored.ravel())[0, 1] > 0.8  # drawn over, and not turned


def test_cells_are_those_of_the_pixels_as_they_are_stored(turned):
    """With the note and without it."""
    for orientation in TURNED:
        write_image(turned / f"pictures/{orientation}_plain.png", read_image(turned / f"pictures/{orientation}.png"))
    path = checkpoint(turned / "a.ckpt")
    assert run("predict", f"input={turned}/pictures", f"ckpt={path}", f"output_dir={turned}/out", *EAGER) == 0
    found: dict[str, list[object]] = {}
    for result in json.loads((turned / "out/predictions.json").read_text()):
        found.setdefault(result["file_name"], []).append([result["keypoints"], result["keypoint_scores"]])
    for orientation in TURNED:
        assert found[f"{orientation}.png"] == found[f"{orientation}_plain.png"]
        for kind in ("overlays", "heatmaps"):
            pair = [(turned / f"out/{kind}/{orientation}{note}.png.png").read_bytes() for note in ("", "_plain")]
            assert pair[0] == pair[1]
    assert found["1.png"] != found["6.png"]
