"""Which v to write for a class: the inverse of ``visibility_to_class``."""

from collections.abc import Sequence

from cellmark.data.annotations import CLASSES, Visibility
from cellmark.data.records import BLACK, NOT_LABELLED, WHITE
from cellmark.errors import CellmarkError


def v_of_classes(visibility_to_class: Visibility, classes: Sequence[str]) -> list[int]:
    """The v to write for each class, in the order of ``classes``.

    Where several v mean one class it is the smallest: 1 in the unified mode, as ``predict`` has it.

    Raises:
        CellmarkError: no v above 0 means a class, or 0 means one: to COCO it is a keypoint that is not there.
    """
    if visibility_to_class.get(NOT_LABELLED) is not None:
        raise CellmarkError(
            f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', as every program that reads COCO takes it"
        )
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
    by_name = dict(zip(classes, v_of_classes(visibility_to_class, classes), strict=True))
    colours = BLACK, WHITE
    if by_name.keys() >= set(CLASSES):
        colours = by_name[CLASSES[0]], by_name[CLASSES[1]]
    for v in colours:
        if visibility_to_class.get(v) is None:
            raise CellmarkError(f"visibility_to_class: {v}, which is written for cells, does not mean a class")
    if NOT_LABELLED not in visibility_to_class:
        raise CellmarkError(
            f"visibility_to_class: {NOT_LABELLED} must mean 'not labelled', which is what a keypoint at no known "
            "place stays"
        )
    return colours
