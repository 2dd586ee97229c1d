"""Which parts of a picture are looked at closely, and how large."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from cellmark.reading.eye import ENLARGED, PRESENT, Region, Sight

PITCHES = (8.0, 6.0, 12.0)  # pixels of the input between cells, for closer looks
OTHER_PITCH = 1.4  # times as fine or coarse: cells that need another look
ALIKE = 1.12  # times as fine or coarse: the same look again
LARGEST_LOOK = 1800 * 1800  # pixels of a closer look
GOES_ON = 10  # cells that are added where a code goes on beyond a look
FINEST = 3.5  # pixels between cells below which a look is of no use


def zooms(region: Region) -> list[float]:
    """At which a part is looked at closely; not as it was seen already, nor too coarse, nor twice."""
    left, top, right, bottom = region.box
    most = min(ENLARGED, (LARGEST_LOOK / ((right - left) * (bottom - top))) ** 0.5)
    each = dict.fromkeys(min(pitch / region.pitch, most) for pitch in PITCHES)
    fine = [zoom for zoom in each if zoom * region.pitch >= FINEST]
    return [zoom for zoom in fine if max(zoom / region.zoom, region.zoom / zoom) > ALIKE]


def widened(region: Region, sight: Sight, shape: tuple[int, ...]) -> Region:
    """The part with more on those sides at which its sight shows a code up to the edge."""
    code = sight.presence > PRESENT
    if not code.any():
        return region
    left, top, right, bottom = region.box
    more = max(GOES_ON * region.pitch, 0.25 * max(right - left, bottom - top))
    return replace(
        region,
        box=(
            left - more * (left > 0 and bool(code[:, 0].any())),
            top - more * (top > 0 and bool(code[0].any())),
            right + more * (right < shape[1] and bool(code[:, -1].any())),
            bottom + more * (bottom < shape[0] and bool(code[-1].any())),
        ),
    )


def joined(regions: Sequence[Region]) -> list[Region]:
    """Parts side by side with cells alike, taken together: a long code may have been seen in pieces."""
    groups: list[list[Region]] = []
    for region in regions:
        beside = [g for g in groups if any(_touch(region, r) and not differ(region.pitch, r.pitch) for r in g)]
        groups = [group for group in groups if group not in beside] + [[region, *chain(*beside)]]
    return [_union(group) for group in groups if len(group) > 1]


def distinct(regions: list[Region]) -> list[Region]:
    """The regions without those that mostly lie in a better one."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda r: -r.score):
        if not any(_share_within(region, other) > 0.7 and region.pitch > 0.5 * other.pitch for other in kept):
            kept.append(region)
    return kept


def differ(pitch: float, other: float) -> bool:
    """Whether cells of these pitches need looks of different size."""
    return max(pitch / other, other / pitch) > OTHER_PITCH


def _union(group: Sequence[Region]) -> Region:
    boxes = np.array([region.box for region in group])
    score = sum(region.score for region in group)
    pitch = sum(region.score * region.pitch for region in group) / score
    left, top = (float(value) for value in boxes[:, :2].min(axis=0))
    right, bottom = (float(value) for value in boxes[:, 2:].max(axis=0))
    return Region((left, top, right, bottom), pitch, score, group[0].zoom)


def _touch(region: Region, other: Region) -> bool:
    (a, b, c, d), (e, f, g, h) = region.box, other.box
    return a <= g and e <= c and b <= h and f <= d


def _share_within(region: Region, other: Region) -> float:
    (a, b, c, d), (e, f, g, h) = region.box, other.box
    overlap = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    return overlap / max((c - a) * (d - b), 1e-9)
