"""The files: whole or not at all, the same whatever the workers, refused where the parameters are wrong."""

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from cellmark.cli.dataset_synth import run
from cellmark.data.generate.scenes import ALL_CONDITIONS, CONDITIONS
from cellmark.errors import CellmarkError

DEFAULTS: dict[str, Any] = {
    "images_per_folder": 2,
    "size": 96,
    "seed": 4,
    "severity": [0.0, 1.0],
    "min_pitch": 5.0,
    "conditions": list(CONDITIONS),
    "workers": 1,
}


def synth(folder: Path, **changes: Any) -> None:
    run(output_dir=str(folder), **(DEFAULTS | changes))


def content(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "data"
    synth(folder)
    return folder


def test_same_bytes_with_two_workers(dataset: Path, tmp_path: Path) -> None:
    synth(tmp_path / "two", workers=2)
    assert content(tmp_path / "two") == content(dataset)


def test_another_seed_gives_other_pictures(dataset: Path, tmp_path: Path) -> None:
    synth(tmp_path / "other", seed=5, images_per_folder=1)
    name = f"{CONDITIONS[0]}/00000.png"
    assert content(tmp_path / "other")[name] != content(dataset)[name]


def test_folders_hold_coco_files(dataset: Path) -> None:
    assert sorted(p.name for p in dataset.iterdir()) == [*CONDITIONS, "synth.json"]
    for name in CONDITIONS:
        coco = json.loads((dataset / name / "annotations.json").read_text())
        assert [image["file_name"] for image in coco["images"]] == ["00000.png", "00001.png"]
        assert {image["id"] for image in coco["images"]} == {a["image_id"] for a in coco["annotations"]}
        for entry in coco["annotations"]:
            assert len(entry["keypoints"]) == 3 * entry["rows"] * entry["cols"]
            assert set(entry["keypoints"][2::3]) <= {0, 1, 2}
            assert entry["text"]
        for image in coco["images"]:
            assert cv2.imread(str(dataset / name / image["file_name"])).shape == (96, 96, 3)


def test_parameters_are_recorded(dataset: Path) -> None:
    recorded = json.loads((dataset / "synth.json").read_text())
    assert recorded["generator"] >= 1
    assert {key: recorded[key] for key in DEFAULTS if key != "workers"} == {
        key: value for key, value in DEFAULTS.items() if key != "workers"
    }


def test_the_same_dataset_is_reused(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.stat().st_mtime_ns for file in dataset.rglob("*")}
    synth(dataset)
    assert "reused" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in dataset.rglob("*")} == before


def test_another_dataset_is_not_overwritten(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(CellmarkError, match="seed is 4 there, 9 here"):
        synth(dataset, seed=9)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CellmarkError, match="not a synthetic dataset"):
        synth(tmp_path)


def test_a_dataset_that_lost_files_is_not_reused(tmp_path: Path) -> None:
    synth(tmp_path / "data", images_per_folder=1)
    (tmp_path / "data" / CONDITIONS[2] / "00000.png").unlink()
    with pytest.raises(CellmarkError, match="0 images of 1"):
        synth(tmp_path / "data", images_per_folder=1)


def test_unknown_conditions_are_refused_with_the_list(tmp_path: Path) -> None:
    with pytest.raises(
        CellmarkError, match=r"no condition 'paper'; there are 0_no_code, 1_label_print, .*10_laser_part"
    ):
        synth(tmp_path / "data", conditions=["1_label_print", "paper"])


def test_all_conditions_and_the_same_pictures_in_any_selection(dataset: Path, tmp_path: Path) -> None:
    synth(tmp_path / "all", conditions="all")
    synth(tmp_path / "two", conditions=["10_laser_part", "2_dot_peened"])
    assert {p.name for p in (tmp_path / "all").iterdir()} == {*ALL_CONDITIONS, "synth.json"}
    everything = content(tmp_path / "all")
    for folder in (dataset, tmp_path / "two"):
        part = {name: data for name, data in content(folder).items() if name != "synth.json"}
        assert part.items() <= everything.items()
    bare = json.loads((tmp_path / "all" / "0_no_code" / "annotations.json").read_text())
    assert len(bare["images"]) == 2
    assert bare["annotations"] == []


def test_the_end_names_folder_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synth(tmp_path / "data", images_per_folder=1)
    output = capsys.readouterr().out
    assert str(tmp_path / "data") in output
    assert "6 images" in output


@pytest.mark.parametrize(
    "changes",
    [
        {"images_per_folder": 0},
        {"images_per_folder": 1.5},
        {"size": 63},
        {"size": "256"},
        {"seed": -1},
        {"severity": [1.0, 0.5]},
        {"severity": [-0.1, 0.5]},
        {"severity": [0.5]},
        {"severity": 0.5},
        {"severity": ["low", "high"]},
        {"severity": [0.0, float("nan")]},
        {"min_pitch": 0.0},
        {"min_pitch": 20.0},
        {"min_pitch": None},
        {"workers": 0},
        {"conditions": []},
        {"conditions": "7_rendered"},
        {"conditions": ["1_label_print", "1_label_print"]},
        {"conditions": 7},
    ],
)
def test_wrong_parameters_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CellmarkError):
        synth(tmp_path / "data", **changes)
    assert not (tmp_path / "data").exists()
