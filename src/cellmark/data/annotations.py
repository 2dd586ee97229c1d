"""One entry of COCO's ``annotations``: what v means, and the check of everything inside the entry."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cellmark.data.json_entries import Entry, as_float, finite_numbers, listed, object_of, shown
from cellmark.data.records import Code, ImageRecord
from cellmark.errors import CellmarkError

Visibility = Mapping[int, int | None]  # v in the file -> class index, or None for "not labelled"

# The report's convention
CLASSES = ("black", "white")
VISIBILITY: Mapping[int, str | None] = {2: "black", 1: "white", 0: None}


def resolve_visibility(visibility: Mapping[Any, str | None], classes: Sequence[str]) -> dict[int, int | None]:
    """Turns the configured map from v to a class name into one from v to a class index.

    Args:
        visibility: v (an integer, or its text) -> name of a class, or None for a point that is not labelled.
        classes: names in the order of their indices.

    Raises:
        CellmarkError: this is no map, a key is not an integer, a name is not one of ``classes``, or no v
            means one of them.
    """
    if not isinstance(visibility, Mapping):
        raise CellmarkError(f"visibility_to_class is {visibility!r}, not a map from v to a class name")
    resolved: dict[int, int | None] = {}
    for key, name in visibility.items():
        try:
            v = int(str(key))
        except ValueError as error:
            raise CellmarkError(f"visibility_to_class: {key!r} is not an integer") from error
        if name is not None and name not in classes:
            raise CellmarkError(f"visibility_to_class: {v} is {name!r}, not one of {', '.join(classes)}")
        resolved[v] = None if name is None else list(classes).index(name)
    without = [name for index, name in enumerate(classes) if index not in resolved.values()]
    if without:
        raise CellmarkError(f"visibility_to_class: no v means {', '.join(without)}")
    return resolved


def classes_of(code: Code, visibility_to_class: Visibility) -> np.ndarray:
    """The class of every keypoint.

    Args:
        code: a code whose v are all in the map, as `cellmark.data.coco.read_folder` returns them.
        visibility_to_class: v -> class index, or None.

    Returns:
        int64 (K,) class indices, -1 where the keypoint is not labelled.
    """
    column = code.keypoints[:, 2].astype(np.int64)
    classes = np.full(len(column), -1, np.int64)
    for v, index in visibility_to_class.items():
        if index is not None:
            classes[column == v] = index
    return classes


def cells_of(record: ImageRecord, visibility: Visibility) -> tuple[np.ndarray, np.ndarray]:
    """All keypoints of an image: float64 (N, 2) x, y in pixels of the file, int64 (N,) class or -1 for not labelled."""
    points = [np.empty((0, 2)), *(code.keypoints[:, :2] for code in record.codes)]
    labels = [np.empty(0, np.int64), *(classes_of(code, visibility) for code in record.codes)]
    return np.concatenate(points), np.concatenate(labels)


def pack_keypoints(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A hook for `load_object`: sound keypoints as float64, which takes a fraction of the memory of a list."""
    values = object_of(pairs)
    keypoints = values.get("keypoints")
    if isinstance(keypoints, list):
        numbers = finite_numbers(keypoints)
        values["keypoints"] = keypoints if numbers is None else numbers
    return values


def parse_code(entry: Entry, size: tuple[int, int] | None, visibility_to_class: Visibility) -> Code | None:
    """Checks an annotation, all but its ``image_id`` and ``category_id``, and notes every problem.

    Args:
        entry: the JSON object; its keypoints are a list, or packed by `pack_keypoints`.
        size: width and height of its image in pixels, None where they are not known.
        visibility_to_class: v -> class index, or None.

    Returns:
        The code, or None if anything in it is wrong.
    """
    before = len(entry.problems)
    code_id = entry.integer("id")
    keypoints = _keypoints(entry, visibility_to_class)
    rows, cols = _grid(entry, keypoints)
    text = entry.optional_text("text")
    _check_measures(entry)
    if keypoints is not None:
        _check_count(entry, keypoints)
        _check_places(entry, keypoints, visibility_to_class)
    if keypoints is not None and size is not None:
        _check_inside(entry, keypoints, size, visibility_to_class)
    if code_id is None or keypoints is None or len(entry.problems) > before:
        return None
    return Code(code_id, keypoints, rows, cols, text)


def _keypoints(entry: Entry, visibility_to_class: Visibility) -> np.ndarray | None:
    """float64 (K, 3) if the list is sound."""
    values = entry.required("keypoints")
    if "keypoints" not in entry.values:
        return None
    packed = isinstance(values, np.ndarray)  # finite numbers, see `pack_keypoints`
    numbers = values if packed else entry.check_numbers("keypoints", values)
    if packed or isinstance(values, list):
        if not len(values):
            entry.note("keypoints is empty")
            return None
        if len(values) % 3:
            entry.note(f"keypoints holds {len(values)} numbers, not a multiple of 3 (x, y, v)")
            return None
    if numbers is None:
        return None
    keypoints = np.asarray(numbers, np.float64).reshape(-1, 3)
    return keypoints if _visibilities_known(entry, keypoints[:, 2], visibility_to_class) else None


def _visibilities_known(entry: Entry, column: np.ndarray, visibility_to_class: Visibility) -> bool:
    known = True
    for v in sorted(set(column.tolist())):
        if v.is_integer() and int(v) in visibility_to_class:
            continue
        known = False
        where = listed(np.flatnonzero(column == v).tolist())
        allowed = ", ".join(map(str, sorted(visibility_to_class)))
        reason = f"not in visibility_to_class ({allowed})" if v.is_integer() else "not an integer"
        entry.note(f"v is {v:g}, {reason}, at keypoint {where}")
    return known


def _grid(entry: Entry, keypoints: np.ndarray | None) -> tuple[int | None, int | None]:
    rows, cols = entry.optional_positive("rows"), entry.optional_positive("cols")
    given = [key for key in ("rows", "cols") if entry.values.get(key) is not None]
    if len(given) == 1:
        entry.note(f"{given[0]} is given without the other of rows and cols")
    if rows is not None and cols is not None and keypoints is not None and rows * cols != len(keypoints):
        entry.note(f"rows x cols is {rows} x {cols} = {rows * cols}, but there are {len(keypoints)} keypoints")
    return rows, cols


def _check_measures(entry: Entry) -> None:
    """``bbox`` and ``area``, which COCO asks for and nothing here needs."""
    if "bbox" in entry.values:
        numbers = entry.check_numbers("bbox", entry.values["bbox"])
        if numbers is not None and len(numbers) != 4:
            entry.note(f"bbox holds {len(numbers)} numbers, not 4 (x, y, width, height)")
        elif numbers is not None and min(numbers[2:]) < 0:
            entry.note(f"bbox has a negative size: {numbers[2]:g} x {numbers[3]:g}")
    if "area" in entry.values:
        area = as_float(entry.values["area"])
        if area is None:
            entry.note(f"area is {shown(entry.values['area'])}, not a number")
        elif not 0 <= area < float("inf"):
            entry.note(f"area is {area:g}, not a finite number from 0 up")


def _check_count(entry: Entry, keypoints: np.ndarray) -> None:
    """``num_keypoints``, in COCO the number of keypoints with v > 0; some programs count them all."""
    stated, counted = entry.optional_integer("num_keypoints"), int((keypoints[:, 2] > 0).sum())
    if stated not in (None, counted, len(keypoints)):
        entry.note(f"num_keypoints is {shown(stated)}, but {counted} keypoints have v > 0")


def _check_places(entry: Entry, keypoints: np.ndarray, visibility_to_class: Visibility) -> None:
    """No two cells have one centre: of two labelled keypoints at exactly one place, one is a mistake."""
    if not _any_equal(keypoints):
        return
    labelled = np.flatnonzero(classes_of(Code(0, keypoints), visibility_to_class) >= 0)
    order = labelled[np.lexsort(keypoints[labelled, :2].T)]
    same = (np.diff(keypoints[order, :2], axis=0) == 0).all(axis=1)
    if same.any():
        where = sorted({*order[:-1][same].tolist(), *order[1:][same].tolist()})
        x, y = keypoints[where[0], :2]
        entry.note(f"labelled keypoints {listed(where)} share their place with another, the first at ({x:g}, {y:g})")


def _any_equal(keypoints: np.ndarray) -> bool:
    """Whether two points lie at one place, labelled or not; much quicker than finding out which."""
    places = keypoints[:, 0] + 1j * keypoints[:, 1]
    places.sort()
    return bool((places[1:] == places[:-1]).any())


def _check_inside(entry: Entry, keypoints: np.ndarray, size: tuple[int, int], visibility_to_class: Visibility) -> None:
    """Labelled keypoints lie in the image, which covers -0.5 to size - 0.5."""
    outside = ((keypoints[:, :2] < -0.5) | (keypoints[:, :2] > np.array(size) - 0.5)).any(axis=1)
    if not outside.any():
        return
    labelled = classes_of(Code(0, keypoints), visibility_to_class) >= 0
    where = np.flatnonzero(labelled & outside).tolist()
    if where:
        x, y = keypoints[where[0], :2]
        entry.note(
            f"labelled keypoint {listed(where)} outside the image of {size[0]} x {size[1]} pixels, "
            f"the first at ({x:g}, {y:g})"
        )
