"""``cellmark dataset_show``: what a data set holds, as contact sheets, statistics and one HTML page."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from cellmark.cli.show_parts import Fed, Show, write_show
from cellmark.data.annotations import Visibility, resolve_visibility
from cellmark.data.check import MOST_LISTED, check
from cellmark.data.json_entries import printable
from cellmark.data.records import Folder
from cellmark.errors import CellmarkError
from cellmark.files import new_folder, refuse_overlap
from cellmark.progress import progress_bar

log = logging.getLogger(__name__)


def run(
    *,
    data: DictConfig,
    mode: DictConfig,
    output_dir: str,
    images: int,
    augment: DictConfig,
    size: Sequence[int],
    stride: int,
    seed: int,
    codec: DictConfig,
) -> int:
    """Writes sheets, statistics and a page of all folders, and prints their paths.

    Args:
        data: ``root``, the folder of folders, and ``visibility_to_class``, v -> class name or null.
        mode: ``classes``, the names of the classes.
        output_dir: new folder, neither inside of ``data.root`` nor around it; it appears whole or not at all.
        images: how many images of each folder are drawn with their cells, chosen evenly.
        augment: config of an ``Augment``; with transforms in it, augmented samples of each folder are previewed.
        size: height and width of the network's input in pixels.
        stride: input pixels per pixel of the target heatmaps.
        seed: of the augmentation.
        codec: config of what renders the target heatmaps.

    Returns:
        The exit status 0; images with a problem are left out, and the page says so.
    """
    _check_numbers(images, size, stride, seed)
    root, target = Path(data.root), Path(output_dir)
    refuse_overlap(root, target)  # sheets inside of the data would be taken for data
    visibility = resolve_visibility(data.visibility_to_class, mode.classes)
    fed = Fed(instantiate(augment), instantiate(codec), (size[0], size[1]), stride, seed)
    sound, problems, left_out = _load(root, visibility)
    told = _settings(fed, augment, codec)
    show = Show(str(data.root), sound, problems, left_out, visibility, tuple(mode.classes), images, fed, told)
    with new_folder(target) as partial, progress_bar() as update:
        names = write_show(show, partial, update)
    for name in names:
        Console(soft_wrap=True, highlight=False, markup=False).print(printable(str(target / name)))
    return 0


def _load(root: Path, visibility: Visibility) -> tuple[list[Folder], list[str], int]:
    """The folders with a sound image, every problem, and how many images are left out for them."""
    folders, found = check(root, visibility, cache=True)
    problems = [str(problem) for problem in found]
    problems += [f"{folder.path}: holds no image" for folder in folders if not folder.images and not folder.left_out]
    sound = [folder for folder in folders if folder.images]
    if not sound:
        raise CellmarkError("\n".join([f"{printable(str(root))}: no sound image to show", *problems[:MOST_LISTED]]))
    left_out = sum(len(folder.left_out) for folder in folders)
    if problems:
        log.warning("%s: %d problems, %d images left out; the page lists them", root, len(problems), left_out)
    return sound, problems, left_out


def _settings(fed: Fed, augment: DictConfig, codec: DictConfig) -> dict[str, str]:
    """What the page tells of the keys."""
    names = [str(transform.get("_target_", "")).rpartition(".")[2] for transform in augment.transforms]
    return {
        "input": f"{fed.size[1]} x {fed.size[0]} px",
        "stride": str(fed.stride),
        "targets": ", ".join(f"{key!s} {value}" for key, value in codec.items() if key != "_target_"),
        "augment": ", ".join(names) or "none",
        "seed": str(fed.seed),
    }


def _check_numbers(images: int, size: Sequence[int], stride: int, seed: int) -> None:
    if len(size) != 2:
        raise CellmarkError(f"size={list(size)}: height and width are needed")
    sides = [("size", side, 1) for side in size]
    for name, value, least in (("images", images, 1), *sides, ("stride", stride, 1), ("seed", seed, 0)):
        if type(value) is not int or value < least:
            raise CellmarkError(f"{name}={value}: a whole number from {least} up is needed")
