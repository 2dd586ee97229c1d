import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmark.errors import CellmarkError
from cellmark.runs.derived import derived_keys
from cellmark.runs.differences import differences
from cellmark.runs.equality import MISSING, alike, differ, same
from cellmark.runs.record import read_run
from tests.runs.made import made_run

RESNET = {"backbone": {"_target_": "cellmark.models.timm_backbone.TimmBackbone", "name": "resnet18"}}
SUM = {"_target_": "cellmark.losses.weighted_sum.WeightedSum"}


def of(tmp_path, *runs, hydra=True):
    """The differences of runs, each given by its settings, or by (settings, choices)."""
    pairs = [run if isinstance(run, tuple) else (run, {}) for run in runs]
    folders = [tmp_path / str(number) for number in range(len(pairs))]
    for folder, (own, choices) in zip(folders, pairs, strict=True):
        made_run(folder, own, choices if hydra else None)
    return differences([read_run(folder) for folder in folders])


@pytest.mark.parametrize("hydra", [True, False])
def test_only_what_differs_is_a_column(tmp_path, hydra):
    assert of(tmp_path, {}, {}, hydra=hydra) == {}
    found = of(tmp_path / "b", {"optimizer.lr": 0.01}, {"name": "big"}, {}, hydra=hydra)
    assert found == {"optimizer.lr": [0.01, 0.001, 0.001], "name": ["cells", "big", "cells"]}


@pytest.mark.parametrize("hydra", [True, False])
def test_a_value_that_is_used_in_two_places_is_told_once(tmp_path, hydra):
    found = of(tmp_path, {"seed": 1}, {"seed": 2}, hydra=hydra)
    assert found == {"seed": [1, 2]}
    found = of(tmp_path / "b", {"backbone.widths": [8, 16]}, {"backbone.widths": [4]}, hydra=hydra)
    assert found == {"backbone.widths": [[8, 16], [4]]}


def test_two_keys_that_happen_to_be_equal_are_both_told(tmp_path):
    one, other = {"seed": 3, "trainer.max_epochs": 3}, {"seed": 4, "trainer.max_epochs": 4}
    assert set(of(tmp_path, one, other, hydra=False)) == {"seed", "trainer.max_epochs"}
    one = {"callbacks.curves.every": 1, "callbacks.pictures.every": 1}
    other = {"callbacks.curves.every": 2, "callbacks.pictures.every": 2}
    for hydra in (True, False):
        assert set(of(tmp_path / str(hydra), one, other, hydra=hydra)) == set(one)


def test_a_group_is_one_column_by_its_choice(tmp_path):
    found = of(tmp_path, ({}, {}), (RESNET, {"backbone": "resnet18"}))
    assert found == {"backbone": ["compact", "resnet18"]}


def test_keys_of_a_group_are_told_where_runs_of_one_choice_differ_in_them(tmp_path):
    narrow = {"backbone.widths": [4, 8]}
    found = of(tmp_path, ({}, {}), (narrow, {}), (RESNET, {"backbone": "resnet18"}))
    assert found == {
        "backbone": ["compact", "compact", "resnet18"],
        "backbone.widths": [[8, 16], [4, 8], MISSING],
    }


def test_without_choices_the_classes_are_told(tmp_path):
    found = of(tmp_path, {}, RESNET, hydra=False)
    assert found == {"backbone": ["CompactBackbone", "TimmBackbone"]}
    same_name = {"backbone._target_": "elsewhere.CompactBackbone"}
    found = of(tmp_path / "b", {}, same_name, hydra=False)
    assert found == {"backbone": ["cellmark.models.compact.CompactBackbone", "elsewhere.CompactBackbone"]}


def test_choices_count_only_where_all_runs_have_them(tmp_path):
    made_run(tmp_path / "a", {}, {})
    made_run(tmp_path / "b", RESNET, None)
    found = differences([read_run(tmp_path / name) for name in "ab"])
    assert found == {"backbone": ["CompactBackbone", "TimmBackbone"]}


def test_losses_of_one_class_differ_by_their_parts(tmp_path):
    focal = {"loss": SUM | {"weights": {"mse": 1.0, "focal": 0.5}}}
    contrast = {"loss": SUM | {"weights": {"mse": 1.0, "focal": 0.5, "contrast": 1.0}}}
    assert of(tmp_path, {}, focal, contrast, hydra=False) == {
        "loss": ["MSELoss", "WeightedSum", "WeightedSum"],
        "loss.weights.contrast": [MISSING, MISSING, 1.0],
    }


def test_groups_whose_content_lands_at_the_top(tmp_path):
    found = of(tmp_path, ({}, {}), ({"optimizer.lr": 0.1}, {"experiment": "best"}))
    assert found == {"experiment": [MISSING, "best"], "optimizer.lr": [0.001, 0.1]}


def test_a_part_that_only_some_runs_have(tmp_path):
    bar = {"_target_": "a.b.Bar", "rate": 1}
    found = of(tmp_path, {}, {"callbacks.progress": bar}, {"callbacks.progress": bar | {"rate": 2}})
    assert found == {"callbacks.progress": [None, "Bar", "Bar"], "callbacks.progress.rate": [MISSING, 1, 2]}
    found = of(tmp_path / "b", {}, {"trainer.limits": {"train": 1}})
    assert found == {"trainer.limits": [MISSING, {"train": 1}]}


def test_a_key_of_a_later_version_that_is_not_set_is_no_difference(tmp_path):
    assert of(tmp_path, {}, {"ckpt": None}) == {}
    assert of(tmp_path / "b", {}, {"ckpt": None}, {"ckpt": "a.ckpt"}) == {"ckpt": [MISSING, None, "a.ckpt"]}


def test_a_copied_value_that_was_set_apart_is_told(tmp_path):
    for name in "ab":
        made_run(tmp_path / name, {}, {})
    for path in (tmp_path / "b/.hydra/config.yaml", tmp_path / "b/config.yaml"):
        text = path.read_text()
        changed = text.replace("  seed: ${seed}", "  seed: 5").replace("  seed: 1", "  seed: 5")
        assert changed != text
        path.write_text(changed)
    assert differences([read_run(tmp_path / name) for name in "ab"]) == {"data.seed": [1, 5]}


def test_what_the_system_gives_is_no_copy(tmp_path):
    (tmp_path / ".hydra").mkdir()
    content = "root: ${oc.env:DATA}\nheads: ${len:${task.classes}}\nlist: ['${a}', b]\nplain: 1\n"
    (tmp_path / ".hydra/config.yaml").write_text(content)
    made = {("output_dir",): "", ("heads",): "${len:${task.classes}}", ("list",): "['${a}', 'b']"}
    assert derived_keys(tmp_path) == made


def interpolated(folder, name, seed):
    """A run whose name is made of its seed."""
    made_run(folder, {"seed": seed, "name": name.replace("${seed}", str(seed))}, {})
    path = folder / ".hydra/config.yaml"
    path.write_text(path.read_text().replace(f"name: {name.replace('${seed}', str(seed))}\n", f"name: {name}\n"))
    return read_run(folder)


def test_what_stands_around_a_derived_value_is_a_difference(tmp_path):
    runs = [interpolated(tmp_path / kind, f"run-${{seed}}-{kind}", 1) for kind in "cd"]
    assert differences(runs) == {"name": ["run-1-c", "run-1-d"]}
    runs = [interpolated(tmp_path / str(seed), "run-${seed}-c", seed) for seed in (2, 3)]
    assert differences(runs) == {"seed": [2, 3]}


def test_paths_in_the_run_folder_are_none_whoever_composed_them(tmp_path):
    made_run(tmp_path / "a", {}, {})
    made_run(tmp_path / "b", {}, None)
    assert differences([read_run(tmp_path / name) for name in "ab"]) == {}


def test_the_folders_of_folds_are_told_by_the_one_held_out(tmp_path):
    def fold(held_out, *trained):
        return {"data.val_folder": held_out, "data.train_folders": list(trained)}

    folds = fold("a", "b", "c"), fold("b", "a", "c")
    assert of(tmp_path / "1", *folds) == {"data.val_folder": ["a", "b"]}
    fewer = fold("a", "b", "c"), fold("b", "c")
    assert set(of(tmp_path / "2", *fewer)) == {"data.val_folder", "data.train_folders"}
    whole = fold("a", "b", "c"), {"data.val_folder": "b", "data.train_folders": None}
    assert set(of(tmp_path / "3", *whole)) == {"data.val_folder", "data.train_folders"}


def test_a_config_that_cannot_be_read(tmp_path):
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(CellmarkError, match=r"config\.yaml: cannot be read"):
        derived_keys(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (True, True, True),
        ("1", 1, False),
        (None, MISSING, False),
        (MISSING, MISSING, True),
        (float("nan"), float("nan"), True),
        ([1], [True], False),
        ([1, 2], [1], False),
        ([], {}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"b": 1}, False),
    ],
)
def test_when_values_are_the_same(one, other, equal):
    assert same(one, other) is equal and same(other, one) is equal
    assert differ([one, other]) is not equal


@given(st.lists(st.sampled_from([0, 1, 1.0, True, None, "1", [1], {"a": 1}]), min_size=1))
def test_groups_of_the_same_value(values):
    groups = alike(range(len(values)), values)
    assert sorted(place for group in groups for place in group) == list(range(len(values)))
    assert all(same(values[group[0]], values[place]) for group in groups for place in group)
    assert not any(same(values[a[0]], values[b[0]]) for a in groups for b in groups if a is not b)


KEYS = st.sampled_from(["optimizer.lr", "trainer.max_epochs", "data.batch_size", "name", "new.key"])
SETTINGS = st.dictionaries(KEYS, st.one_of(st.integers(1, 3), st.sampled_from(["a", "b"])), max_size=4)


@settings(max_examples=25, deadline=None)
@given(configs=st.lists(SETTINGS, min_size=1, max_size=4), hydra=st.booleans())
def test_columns_hold_every_difference_and_the_value_of_each_run(tmp_path_factory, configs, hydra):
    found = of(tmp_path_factory.mktemp("runs"), *configs, hydra=hydra)
    before = {"optimizer.lr": 0.001, "trainer.max_epochs": 10, "data.batch_size": 8, "name": "cells"}
    for key in {key for config in configs for key in config}:
        values = [config.get(key, before.get(key, MISSING)) for config in configs]
        if key == "new.key" and MISSING in values and differ(values):
            nodes = [value if value is MISSING else {"key": value} for value in values]
            assert found.pop("new") == nodes
        elif differ(values):
            assert found.pop(key) == values
    assert not found
