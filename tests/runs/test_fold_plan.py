import pytest
import yaml

from cellmark.errors import CellmarkError
from cellmark.runs.fold_plan import Fold, FoldPlan, leave_one_out, read_plan


def test_each_folder_is_left_out_once():
    plan = leave_one_out(["a", "b", "c", "d"], "c", ["loss=mse"])
    assert plan.folds == {
        "a": Fold("a", ("b", "d"), "c"),
        "b": Fold("b", ("a", "d"), "c"),
        "d": Fold("d", ("a", "b"), "c"),
    }
    assert plan.settings == ("loss=mse",)


@pytest.mark.parametrize(("folders", "test"), [([], None), (["a"], None), (["a", "b"], "b")])
def test_one_folder_cannot_be_left_out(folders, test):
    with pytest.raises(CellmarkError, match="leaving one folder out needs two at least"):
        leave_one_out(folders, test, [])


def test_a_name_that_a_config_cannot_hold_is_refused():
    with pytest.raises(CellmarkError, match=r"folder \$\{x\}: \$\{ in a config is a reference"):
        leave_one_out(["a", "${x}"], None, [])


@pytest.mark.parametrize("names", [["a", "b"], ["2024", "1e3", "null", "no"], ["it's", 'a "b"', "- c", "\u5b57: d"]])
def test_what_is_written_is_read_again(names, tmp_path):
    plan = leave_one_out([*names, "t"], "t", ["loss=mse", "data.classes=[a,b]"])
    path = tmp_path / "folds.yaml"
    path.write_text(plan.text(), encoding="utf-8")
    assert read_plan(path) == plan
    assert path.read_text(encoding="utf-8").startswith("# The folds of a cross-validation; `cellmark crossval folds=")


def test_a_file_written_by_hand(tmp_path):
    """Numbers are names of folders too; folds in k parts; no settings."""
    path = tmp_path / "k.yaml"
    path.write_text("folds: {1: {val_folder: 2024, train_folders: [a, 7]}, b: {val_folder: a, train_folders: [c]}}")
    assert read_plan(path) == FoldPlan({"1": Fold("2024", ("a", "7")), "b": Fold("a", ("c",))})


ONE = {"val_folder": "a", "train_folders": ["b"]}
WRONG = {
    "[1, 2]": "needs `folds:`",
    "settings: []": "needs `folds:`",
    "folds: {}": "needs `folds:`",
    "folds: {": "not YAML",
    "folds: {a: [b]}": "fold a: needs val_folder and train_folders",
    "folds: {a: {val_folder: b}}": "fold a: needs val_folder and train_folders",
    "folds: {a: {val_folder: b, train_folders: [c], size: 3}}": "fold a: needs val_folder and train_folders",
    "folds: {a: {val_folder: b, train_folders: c}}": "fold a: train_folders must be a list",
    "folds: {a: {val_folder: b, train_folders: []}}": "fold a: train_folders must be a list",
    "folds: {a: {val_folder: b, train_folders: [[c]]}}": "fold a: .*must be names of folders",
    "folds: {a: {val_folder: {b: 1}, train_folders: [c]}}": "fold a: .*must be names of folders",
    "folds: {a: {val_folder: null, train_folders: [c]}}": "fold a: .*must be names of folders",
    "folds: {a: {val_folder: b, train_folders: [c], test_folder: [d]}}": "fold a: .*must be names of folders",
    "folds: {a: {val_folder: b, train_folders: [b]}}": "fold a: b stands there twice",
    "folds: {a: {val_folder: b, train_folders: [c, c]}}": "fold a: c stands there twice",
    "folds: {a: {val_folder: b, train_folders: [c], test_folder: b}}": "fold a: b stands there twice",
    "folds: {a/b: {val_folder: b, train_folders: [c]}}": "fold a/b: its name becomes that of a folder",
    "folds: {..: {val_folder: b, train_folders: [c]}}": "its name becomes that of a folder",
    "folds: {'': {val_folder: b, train_folders: [c]}}": "its name becomes that of a folder",
    "folds: {'${x}': {val_folder: b, train_folders: [c]}}": "its name becomes that of a folder",
    "settings: 7\nfolds: {a: {val_folder: b, train_folders: [c]}}": "settings must be a list",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_with_file_and_fold(text, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(CellmarkError, match=WRONG[text]) as error:
        read_plan(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(CellmarkError, match=r"none\.yaml: no such file of folds"):
        read_plan(tmp_path / "none.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CellmarkError, match="binary: not YAML"):
        read_plan(tmp_path / "binary")
    with pytest.raises(CellmarkError, match="cannot be read"):
        read_plan(tmp_path)


def test_folders_that_are_not_there_are_named_with_the_fold():
    plan = FoldPlan({"one": Fold("a", ("b",)), "two": Fold("b", ("a", "x"), "y")})
    with pytest.raises(CellmarkError, match="source: fold two: no folder with images called x, y; there are a, b"):
        plan.refuse_unknown_folders(["a", "b"], "source")
    plan.refuse_unknown_folders(["a", "b", "x", "y"], "source")


def test_going_on_with_other_settings_is_refused_by_name(tmp_path):
    plan = leave_one_out(["a", "b"], None, ["loss=mse", "seed=2"])
    plan.refuse_other_settings(["seed=2", "loss=mse"], tmp_path)
    with pytest.raises(CellmarkError, match=r"differs in loss=focal, loss=mse; repeat its command"):
        plan.refuse_other_settings(["seed=2", "loss=focal"], tmp_path)


def test_the_file_is_plain_yaml():
    content = yaml.safe_load(leave_one_out(["a", "b"], None, []).text())
    assert content["folds"]["a"] == ONE | {"val_folder": "a", "train_folders": ["b"]}
