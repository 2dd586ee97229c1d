"""Which v to write for a class: the inverse of ``visibility_to_class``."""

from collections.abc import Sequence

from cellmark.data.annotations import CLASSES, Visibility
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE
from cellmark.errors import CellmarkError


def v_of_classes(visibility_to_class: Visibility, classes: Sequence[str]) -> list[int]:
    """The v to write for each class, in the order of ``classes``.

    Where several v mean one class it is the smallest: 1 in the unified mode, as ``predict`` has it.

    Raises:
        CellmarkError: no v above 0 means a class, or 0 means one.
    """
    _check_not_labelled(visibility_to_class.get(NOT_LABELLED))
    values = []
    for index, name in enumerate(classes):
        known = [v for v, meaning in visibility_to_class.items() if meaning == index and v > 0]
        if not known:
            raise CellmarkError(f"visibility_to_class: no v from 1 up means {name}, so it cannot be written")
        values.append(min(known))
    return values


def v_of_colours(visibility_to_class: Visibility, classes: Sequence[str]) -> tuple[int, int]:
    """The v to write for black and for white cells: 2 and 1 unless the mode's classes have these names.

    Raises:
        CellmarkError: a v that would be written does not mean what it must.
    """
    _check_not_labelled(visibility_to_class.get(NOT_LABELLED, 0))  # 0 is written, so it must be in the map
    black, white = BLACK, WHITE
    if set(CLASSES) <= set(classes):
        by_name = dict(zip(classes, v_of_classes(visibility_to_class, classes), strict=True))
        black, white = (by_name[name] for name in CLASSES)
    for v in (black, white):
        if visibility_to_class.get(v) is None:
            raise CellmarkError(f"visibility_to_class: {v}, which is written for cells, does not mean a class")
    return black, white


def _check_not_labelled(meaning: int | None) -> None:
    """In COCO a keypoint with v = 0 is not there: it counts neither in ``num_keypoints`` nor in ``bbox``."""
    if meaning is not None:
        raise CellmarkError(
            f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', which is what COCO means by it"
        )
