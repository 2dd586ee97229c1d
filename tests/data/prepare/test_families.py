"""Which images may not be parted."""

from pathlib import Path
from typing import Any

import pytest

from cellmark.data.annotations import CLASSES, VISIBILITY, resolve_visibility
from cellmark.data.prepare.coco_input import read_coco
from cellmark.data.prepare.families import variants_of
from cellmark.errors import CellmarkError
from tests.data.broken import edit, sound_folder

MEANING = resolve_visibility(VISIBILITY, CLASSES)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Images 0.png to 3.png with ids 1 to 4."""
    return sound_folder(tmp_path / "in")


def found(folder: Path, **origins: int) -> dict[str, str]:
    """After the images named ``_ID`` were said to be variants."""

    def mark(content: dict[str, Any]) -> None:
        for entry in content["images"]:
            if (origin := origins.get(f"_{entry['id']}")) is not None:
                entry.update(variant_of=origin, variant=["curved"])

    edit(folder, mark)
    return variants_of(read_coco(folder / "annotations.json", MEANING))


def test_a_variant_goes_with_its_original_wherever_it_stands(folder):
    assert found(folder) == {}
    assert found(folder, _1=3, _4=3) == {"0.png": "2.png", "3.png": "2.png"}


def test_a_variant_of_a_variant_goes_with_the_original_of_both(folder):
    assert found(folder, _1=2, _2=4) == {"0.png": "3.png", "1.png": "3.png"}


def test_variants_of_an_original_that_is_gone_stay_together_and_a_single_one_is_an_original(folder):
    assert found(folder, _4=99, _2=99, _1=50) == {"3.png": "1.png"}


def test_variants_of_an_original_that_is_left_out_stay_together(folder):
    (folder / "0.png").write_bytes(b"")
    assert found(folder, _2=1, _3=1) == {"2.png": "1.png"}


def test_a_circle_stays_together(folder):
    assert found(folder, _1=2, _2=3, _3=2) == {"0.png": "1.png", "2.png": "1.png"}
    assert found(folder, _4=4) == {"0.png": "1.png", "2.png": "1.png"}


@pytest.mark.parametrize("origin", ["1", None, True, 1.5])
def test_a_variant_of_nothing_is_refused(folder, origin):
    edit(folder, lambda c: c["images"][1].update(variant_of=origin, variant=["curved"]))
    with pytest.raises(CellmarkError, match=r"annotations\.json: image 2: variant_of is"):
        found(folder)
