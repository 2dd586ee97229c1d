import pytest

from cellmark.data.augment import Augment
from cellmark.data.augmentation.projective import Rotation
from cellmark.data.augmentation.warp import Warp
from cellmark.data.check import load_root
from cellmark.data.versions import versions
from tests.data.broken import VISIBILITY, sound_folder


@pytest.fixture
def folder(tmp_path):
    sound_folder(tmp_path / "root/a")
    return load_root(tmp_path / "root", VISIBILITY)[0]


def test_versions_are_drawn_anew_for_each_image_folder_and_seed(folder):
    augment = Augment([Warp([Rotation([-180, 180])])])

    def angles(*seed):
        rows = versions(folder, augment, (64, 96), VISIBILITY, seed, 4)
        assert [len(row) for row in rows] == [5] * 4
        return [row[number].points[:2].round(3).tolist() for row in rows for number in range(1, 5)]

    assert angles(1, 0) == angles(1, 0)
    drawn = angles(1, 0) + angles(1, 1) + angles(2, 0)
    assert all(one != other for number, one in enumerate(drawn) for other in drawn[:number])
    rows = versions(folder, augment, (64, 96), VISIBILITY, (1, 0), 2)
    assert [row[0].path.name for row in rows] == ["0.png", "3.png"]


def test_without_transforms_there_are_no_versions(folder):
    rows = versions(folder, Augment([]), (64, 96), VISIBILITY, (1, 0), 3)
    assert [len(row) for row in rows] == [1] * 3
