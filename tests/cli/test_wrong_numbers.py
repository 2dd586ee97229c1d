"""Values that a verb cannot work with are refused by their keys, before anything is read or written."""

import pytest

from cellmark.cli.job import run_verb
from cellmark.errors import CellmarkError
from tests.cli.test_main import composed

VERBS = {
    "dataset_synth": ["images_per_folder=1", "size=64"],
    "evaluate": ["ckpt=none.ckpt", "data.root=none"],
    "predict": ["ckpt=none.ckpt", "input=none"],
}


@pytest.mark.parametrize(
    ("verb", "wrong", "message"),
    [
        ("dataset_synth", "images_per_folder=0", "images_per_folder=0: a whole number from 1 up"),
        ("dataset_synth", "size=63", "size=63: a whole number from 64 up"),
        ("dataset_synth", "size=64.5", "size=64.5: a whole number from 64 up"),
        ("dataset_synth", "seed=-1", "seed=-1: a whole number from 0 up"),
        ("dataset_synth", "workers=0", "workers=0: at least 1"),
        ("dataset_synth", "severity=[a,b]", "numbers are needed"),
        ("evaluate", "pictures=-1", "pictures=-1: a whole number from 0 up"),
        ("evaluate", "pictures=all", "pictures=all: a whole number from 0 up"),
        ("predict", "batch_size=0", "batch_size=0: a whole number from 1 up"),
        ("predict", "overlays=2", "overlays=2: true or false"),
        ("predict", "min_cells=0.5", "min_cells=0.5: a whole number from 1 up"),
    ],
)
def test_a_wrong_number_is_refused(verb, wrong, message, tmp_path):
    with pytest.raises(CellmarkError, match=message):
        run_verb(verb, composed(verb, *VERBS[verb], f"output_dir={tmp_path / 'out'}", wrong))
    assert not (tmp_path / "out").exists()
