"""Which folders each fold of a cross-validation trains on, validates on and tests on: frozen in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cellmark.errors import CellmarkError

FILE = "folds.yaml"
HEAD = "# The folds of a cross-validation; `cellmark crossval folds=THIS_FILE` uses the same ones.\n"


@dataclass(frozen=True)
class Fold:
    """Names of folders, none in two roles."""

    val_folder: str
    train_folders: tuple[str, ...]
    test_folder: str | None = None


@dataclass(frozen=True)
class FoldPlan:
    """The folds of a cross-validation.

    Attributes:
        folds: by name, in order.
        settings: what the command line gave for all of them; empty in a file written by hand.
    """

    folds: dict[str, Fold]
    settings: tuple[str, ...] = ()

    def text(self) -> str:
        """The content of the file."""
        folds = {name: _plain(fold) for name, fold in self.folds.items()}
        content = {"settings": list(self.settings), "folds": folds}
        return HEAD + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def refuse_other_settings(self, settings: Sequence[str], path: Path) -> None:
        """Checks that a cross-validation goes on as it began.

        Raises:
            CellmarkError: it was given something else.
        """
        other = sorted({*settings} ^ {*self.settings})
        if other:
            raise CellmarkError(
                f"{path}: this cross-validation began with other settings, it differs in {', '.join(other)}; "
                "repeat its command, or name another output_dir"
            )

    def refuse_unknown_folders(self, present: Sequence[str], source: str) -> None:
        """Checks the folds against the data, before the first of them is trained.

        Raises:
            CellmarkError: a folder that is not there, or that holds no images.
        """
        for name, fold in self.folds.items():
            roles = [fold.val_folder, *fold.train_folders, *([fold.test_folder] if fold.test_folder else [])]
            unknown = [folder for folder in roles if folder not in present]
            if unknown:
                told = f"no folder with images called {', '.join(unknown)}; there are {', '.join(present)}"
                raise CellmarkError(f"{source}: fold {name}: {told}")


def leave_one_out(folders: Sequence[str], test_folder: str | None, settings: Sequence[str]) -> FoldPlan:
    """One fold for each folder, which it validates on; all others are trained on, but for a test folder.

    Raises:
        CellmarkError: fewer than two folders to leave out, or a name that a config cannot hold.
    """
    odd = [name for name in folders if "${" in name]
    if odd:
        raise CellmarkError(f"folder {', '.join(odd)}: ${{ in a config is a reference to another key; rename it")
    names = [name for name in folders if name != test_folder]
    if len(names) < 2:
        raise CellmarkError(f"leaving one folder out needs two at least, there are: {', '.join(names) or 'none'}")
    folds = {name: Fold(name, tuple(one for one in names if one != name), test_folder) for name in names}
    return FoldPlan(folds, tuple(settings))


def read_plan(path: Path) -> FoldPlan:
    """Reads a file of folds: ``folds``, of each name ``val_folder``, ``train_folders`` and perhaps ``test_folder``.

    Raises:
        CellmarkError: it is not there, or says something else; the message names the fold.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CellmarkError(f"{path}: no such file of folds") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CellmarkError(f"{path}: not YAML: {error}") from error
    except OSError as error:
        raise CellmarkError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(content, dict) or not isinstance(content.get("folds"), dict) or not content["folds"]:
        raise CellmarkError(f"{path}: needs `folds:`, with a name for each fold and its folders below it")
    settings = content.get("settings") or []
    if not isinstance(settings, list):
        raise CellmarkError(f"{path}: settings must be a list, as cellmark crossval writes it")
    folds = {str(name): _fold(path, str(name), entry) for name, entry in content["folds"].items()}
    return FoldPlan(folds, tuple(map(str, settings)))


def _fold(path: Path, name: str, entry: Any) -> Fold:
    where, keys = f"{path}: fold {name}", {"val_folder", "train_folders", "test_folder"}
    if not name or name.startswith(".") or "/" in name or "${" in name:
        raise CellmarkError(f"{where}: its name becomes that of a folder, which cannot be")
    if not isinstance(entry, dict) or not {"val_folder", "train_folders"} <= set(entry) <= keys:
        raise CellmarkError(f"{where}: needs val_folder and train_folders, and may have test_folder")
    if not isinstance(entry["train_folders"], list) or not entry["train_folders"]:
        raise CellmarkError(f"{where}: train_folders must be a list of names")
    test = [] if entry.get("test_folder") is None else [entry["test_folder"]]
    roles = [entry["val_folder"], *entry["train_folders"], *test]
    if any(isinstance(folder, bool) or not isinstance(folder, (str, int, float)) for folder in roles):
        raise CellmarkError(f"{where}: val_folder, train_folders and test_folder must be names of folders, in quotes")
    roles = [str(folder) for folder in roles]
    fold = Fold(roles[0], tuple(roles[1 : len(roles) - len(test)]), roles[-1] if test else None)
    twice = sorted({folder for folder in roles if roles.count(folder) > 1})
    if twice:
        raise CellmarkError(f"{where}: {', '.join(twice)} stands there twice")
    return fold


def _plain(fold: Fold) -> dict[str, Any]:
    content = {"val_folder": fold.val_folder, "train_folders": list(fold.train_folders)}
    return content | ({"test_folder": fold.test_folder} if fold.test_folder else {})
