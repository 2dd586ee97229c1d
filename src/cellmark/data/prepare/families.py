"""Images that may not be parted: variants show the codes of their original."""

from collections.abc import Mapping

from cellmark.data.prepare.coco_input import CocoInput
from cellmark.data.prepare.warp.entries import variant_of
from cellmark.errors import CellmarkError


def variants_of(source: CocoInput) -> dict[str, str]:
    """The variants among the sound images, by the key ``variant_of`` that `dataset_warp` writes.

    Variants of an original that is not there, or not sound, belong together too: the first of them by its name
    stands for it. One that is alone is taken for an original.

    Returns:
        file name of a variant -> file name of the image with which it goes, which is no key itself.

    Raises:
        CellmarkError: an image says that it is a variant, but not of what.
    """
    parents = _parents(source)
    families: dict[int, list[str]] = {}
    for name, record in source.records.items():
        families.setdefault(_root(record.id, parents), []).append(name)
    found: dict[str, str] = {}
    for root, names in families.items():
        first, *others = sorted(names, key=lambda name: (source.records[name].id != root, name))
        found |= dict.fromkeys(others, first)
    return found


def _parents(source: CocoInput) -> dict[int, int]:
    """Id of a variant -> id of what it was made of."""
    parents: dict[int, int] = {}
    for image_id, entry in source.images.items():
        try:
            made = variant_of(entry)
        except CellmarkError as error:
            raise CellmarkError(f"{source.file}: {error}") from error
        if made is not None:
            parents[image_id] = made[0]
    return parents


def _root(image_id: int, parents: Mapping[int, int]) -> int:
    """Where the way from variant to original ends; the least id of a circle, in which none is the original."""
    way = [image_id]
    while way[-1] in parents:
        origin = parents[way[-1]]
        if origin in way:
            return min(way[way.index(origin) :])
        way.append(origin)
    return way[-1]
