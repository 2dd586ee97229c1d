"""The entries of variants in a folder's COCO file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmark.data.prepare.warp.steps import STEPS
from cellmark.data.prepare.warp.variants import Chain, variant_name
from cellmark.data.records import Code, annotation
from cellmark.errors import CellmarkError

_GEOMETRY = ("keypoints", "num_keypoints", "bbox", "area", "segmentation")


@dataclass(frozen=True)
class Variant:
    """What is recorded of one variant.

    Attributes:
        image_id: the original's id.
        chain: its steps.
        settings: what its steps depend on.
        codes: where its keypoints are; ``Code.id`` is that of the original annotation.
        redraws: random fields that folded over the code.
    """

    image_id: int
    chain: Chain
    settings: Mapping[str, Any]
    codes: tuple[Code, ...]
    redraws: int


def variant_of(entry: Mapping[str, Any]) -> tuple[int, Chain] | None:
    """The original's id and the steps, if an entry of ``images`` says that it is a variant.

    Raises:
        CellmarkError: it says so, but not of what, or by which steps.
    """
    if "variant_of" not in entry:
        return None
    origin, steps = entry["variant_of"], entry.get("variant")
    if type(origin) is not int or not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise CellmarkError(
            f"image {entry['id']}: variant_of is {origin!r} and variant {steps!r}: an id and a list of names are needed"
        )
    return origin, tuple(steps)


def with_variants(content: Mapping[str, Any], variants: Sequence[Variant]) -> dict[str, Any]:
    """Adds the images and annotations of variants to the content of a sound COCO file.

    The entries that are there stay as they are. A variant's entries are copies of its original's, with all their keys,
    but for ids, file name and, where something moved, what the keypoints decide: outlines (``segmentation``) are
    emptied then, as nothing here moves them. ``variant`` names the steps, ``variant_of`` the id of the original
    image, ``variant_settings`` what the steps depend on.
    """
    originals = {entry["id"]: entry for entry in content["images"]}
    annotations = {entry["id"]: entry for entry in content["annotations"]}
    image_id, annotation_id = max(originals, default=0), max(annotations, default=0)
    images: list[dict[str, Any]] = []
    codes: list[dict[str, Any]] = []
    for variant in variants:
        image_id += 1
        original = originals[variant.image_id]
        added = {
            "id": image_id,
            "file_name": variant_name(variant.chain, original["file_name"]),
            "variant": list(variant.chain),
            "variant_of": variant.image_id,
            "variant_settings": dict(variant.settings),
        }
        images.append({**original, **added})
        changed = ("id", "image_id", *(_GEOMETRY if any(STEPS[step].moves for step in variant.chain) else ()))
        for code in variant.codes:
            annotation_id += 1
            computed = annotation(code, annotation_id, image_id)
            codes.append({**annotations[code.id], **{key: computed[key] for key in changed}})
    return {
        **content,
        "images": [*content["images"], *images],
        "annotations": [*content["annotations"], *codes],
    }
