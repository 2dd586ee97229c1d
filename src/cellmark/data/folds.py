"""Which folder is trained on, validated on and tested on."""

from collections.abc import Sequence

from cellmark.data.records import Folder
from cellmark.errors import CellmarkError


def find_folder(folders: Sequence[Folder], wanted: str | int, key: str) -> Folder:
    """The folder of that name, or at that index.

    Args:
        folders: sorted by name.
        wanted: name, or index from 0 (negative from the end).
        key: the config key, for the message.

    Raises:
        CellmarkError: there is none.
    """
    names = [folder.name for folder in folders]
    if str(wanted) in names:
        return folders[names.index(str(wanted))]
    if isinstance(wanted, int) and -len(folders) <= wanted < len(folders):
        return folders[wanted]
    raise CellmarkError(f"{key}={wanted}: no such folder; there are {', '.join(names)}")


def split_folders(
    folders: Sequence[Folder],
    val: str | int | None,
    train: Sequence[str | int] | None,
    test: str | int | None,
    fit: bool,
) -> dict[str, list[Folder]]:
    """Splits folders so that none serves two ends.

    Args:
        folders: all folders of the root, sorted by name.
        val: the folder to validate on.
        train: the folders to train on; by default all that are left.
        test: the folder to test on.
        fit: whether to train; otherwise everything is tested unless ``test`` says which.

    Returns:
        ``{"train": [...], "val": [...], "test": [...]}``.

    Raises:
        CellmarkError: an unknown folder, one folder in two roles, nothing left to train on, or no image in a role.
    """
    if not fit:
        chosen = folders if test is None else [find_folder(folders, test, "data.test_folder")]
        return _with_images({"train": [], "val": [], "test": list(chosen)}, ["test"])
    if val is None:
        raise CellmarkError(f"data.val_folder is needed to train: one of {', '.join(f.name for f in folders)}")
    held = {"val": [find_folder(folders, val, "data.val_folder")], "test": []}
    if test is not None:
        held["test"] = [find_folder(folders, test, "data.test_folder")]
    taken = [folder.name for part in held.values() for folder in part]
    if train is None:
        chosen = [folder for folder in folders if folder.name not in taken]
    else:
        chosen = [find_folder(folders, one, "data.train_folders") for one in train]
    roles = taken + [folder.name for folder in chosen]
    twice = sorted({name for name in roles if roles.count(name) > 1})
    if twice:
        raise CellmarkError(f"folder {', '.join(twice)} is in two of data.train_folders, val_folder, test_folder")
    return _with_images({"train": chosen, **held}, ["train", "val"])


def _with_images(split: dict[str, list[Folder]], needed: Sequence[str]) -> dict[str, list[Folder]]:
    for role in needed:
        if not any(folder.images for folder in split[role]):
            names = ", ".join(folder.name for folder in split[role]) or "no folder"
            raise CellmarkError(f"no image to use for {role} ({names})")
    return split
