"""Which v to write for a class: the inverse of ``visibility_to_class``."""

from collections.abc import Sequence

from cellmark.data.annotations import Visibility
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE
from cellmark.errors import CellmarkError


def v_of_classes(visibility_to_class: Visibility, classes: Sequence[str]) -> list[int]:
    """The v to write for each class, in the order of ``classes``.

    Where several v mean one class it is the smallest above 0: 1 in the unified mode, as ``predict`` has it.

    Raises:
        CellmarkError: only negative v mean a class, which COCO does not know.
    """
    values = []
    for index, name in enumerate(classes):
        known = [v for v, meaning in visibility_to_class.items() if meaning == index and v >= 0]
        if not known:
            raise CellmarkError(f"visibility_to_class: no v from 0 up means {name}, so it cannot be written")
        values.append(min(known, key=lambda v: (v == 0, v)))
    return values


def v_of_colours(visibility_to_class: Visibility, classes: Sequence[str]) -> tuple[int, int]:
    """The v to write for black and for white cells: 2 and 1 unless the mode's classes have these names.

    Raises:
        CellmarkError: a v that would be written does not mean what it must.
    """
    black, white = BLACK, WHITE
    if {"black", "white"} <= set(classes):
        by_name = dict(zip(classes, v_of_classes(visibility_to_class, classes), strict=True))
        black, white = by_name["black"], by_name["white"]
    for v in (black, white):
        if visibility_to_class.get(v) is None:
            raise CellmarkError(f"visibility_to_class: {v}, which is written for cells, does not mean a class")
    if visibility_to_class.get(NOT_LABELLED, 0) is not None:
        raise CellmarkError(
            f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', which is what a keypoint at no known "
            "place stays"
        )
    return black, white
