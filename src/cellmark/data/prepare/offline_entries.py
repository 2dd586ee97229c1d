"""The COCO file of a folder whose pictures have variants beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellmark.data.prepare.variants import Chain, variant_name
from cellmark.data.records import Code, annotation

_GEOMETRY = ("keypoints", "num_keypoints", "bbox", "area", "segmentation")


@dataclass(frozen=True)
class Variant:
    """What is recorded of one variant.

    Attributes:
        image_id: the original's id.
        chain: its steps.
        codes: where its keypoints are; ``Code.id`` is that of the original annotation.
        redraws: random fields that folded over the code.
    """

    image_id: int
    chain: Chain
    codes: tuple[Code, ...]
    redraws: int


def with_variants(content: Mapping[str, Any], variants: Sequence[Variant]) -> dict[str, Any]:
    """Adds the images and annotations of variants to the content of a sound COCO file.

    The entries of the originals stay as they are. A variant's entries are copies of its original's, with all
    their keys, but for ids, file name and what the keypoints decide. Outlines (``segmentation``) are emptied, as
    nothing here moves them. ``variant`` names the steps, ``variant_of`` the id of the original image.
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
        }
        images.append({**original, **added})
        for code in variant.codes:
            annotation_id += 1
            computed = annotation(code, annotation_id, image_id)
            moved = {key: computed[key] for key in ("id", "image_id", *_GEOMETRY)}
            codes.append({**annotations[code.id], **moved})
    return {
        **content,
        "images": [*content["images"], *images],
        "annotations": [*content["annotations"], *codes],
    }
