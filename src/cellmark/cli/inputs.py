"""The images that a person names: one, or all of a folder."""

from pathlib import Path

from cellmark.cli.journal import journal_of
from cellmark.data.images import IMAGE_SUFFIXES
from cellmark.errors import CellmarkError

PREDICTIONS, CODES = "predictions.json", "codes.jsonl"
DRAWN = {PREDICTIONS: ("overlays", "heatmaps"), CODES: ("overlays",)}
"""A file of results, and the folders beside it with the pictures that were drawn with them."""

ONLY_DRAWN = "only pictures that earlier predictions or readings drew"


def find_images(source: Path) -> list[Path]:
    """The image ``source``, or all images below the folder ``source``, sorted.

    Left out are hidden files and folders, and the pictures that earlier predictions and readings drew.

    Raises:
        CellmarkError: there is nothing of that name, or no image below it.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise CellmarkError(f"{source}: no such file or folder")
    files = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    visible = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    images = [source / file for file in visible if (source / file).is_file()]
    found = [image for image in images if not is_drawn(image, source)]
    if images and not found:
        raise CellmarkError(f"{source}: {ONLY_DRAWN}")
    if not found:
        raise CellmarkError(f"{source}: no image in it ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def is_drawn(image: Path, base: Path) -> bool:
    """Whether an image in a folder below ``base`` was drawn by an earlier prediction or reading, finished or not."""
    return any(
        parent.name in folders and any(file.is_file() for file in (target, journal_of(target)))
        for parent in image.relative_to(base).parents
        for results, folders in DRAWN.items()
        for target in [base / parent.parent / results]
    )
