"""What of a data set's statistics somebody should look at before training."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cellmark.data.statistics import Statistics

LEAST_PITCH = 4.0  # pixels of the network's input; closer cells merge on heatmaps of stride 2
CROWDED = 0.1  # share of cells below LEAST_PITCH that is worth a word
FAR_SHARE = 0.1  # of a class, from what is usual in the other folders
FAR_PITCH = 2.0  # times what is usual in the other folders, or less than its inverse
UNLABELLED = 0.05  # share of the keypoints
HARD = 0.8  # separability below which brightness alone tells little


class Finding(NamedTuple):
    """Something worth a look; ``folder`` is an index."""

    folder: int
    text: str


def find(folders: Sequence[Statistics], size: tuple[int, int]) -> list[Finding]:
    """Looks through the statistics of all folders of a root.

    Args:
        folders: the statistics of each.
        size: height and width of the network's input, that ``input_pitch`` counts in.
    """
    findings = []
    for index, one in enumerate(folders):
        others = [other for other in folders if other is not one]
        texts = [*_holes(one), *_crowded(one, size), *_balance(one, others), *_pitch(one, others), *_hard(one)]
        findings += [Finding(index, text) for text in texts]
    return findings


def _holes(one: Statistics) -> list[str]:
    texts = []
    if one.empty:
        noun = "image holds" if one.empty == 1 else "images hold"
        texts.append(f"{one.empty} {noun} no code: to the network it is all background")
    keypoints = int(one.code_cells.sum())
    if one.background > UNLABELLED * keypoints:
        share = _percent(one.background / keypoints)
        texts.append(f"{share} of the cells are in the image but not labelled: the network learns that none is there")
    return texts


def _crowded(one: Statistics, size: tuple[int, int]) -> list[str]:
    share = float((one.input_pitch < LEAST_PITCH).mean()) if len(one.input_pitch) else 0.0
    if share <= CROWDED:
        return []
    median = float(np.median(one.input_pitch))
    return [
        f"{_percent(share)} of the cells are closer than {LEAST_PITCH:g} px to the next one at the network's input of "
        f"{size[1]} x {size[0]} (median {median:.1f} px): their peaks may merge; a larger size parts them"
    ]


def _balance(one: Statistics, others: Sequence[Statistics]) -> list[str]:
    texts = []
    for name, share in one.shares.items():
        if share is None:
            return ["no cell is labelled"]
        if not share:
            texts.append(f"no {name} cell")
            continue
        usual = _usual([value for other in others if (value := other.shares[name]) is not None], share)
        if usual is not None and abs(share - usual) > FAR_SHARE:
            texts.append(f"{_percent(share)} of the cells are {name}, in the other folders {_percent(usual)}")
    return texts


def _pitch(one: Statistics, others: Sequence[Statistics]) -> list[str]:
    own = _median(one.input_pitch)
    if own is None:
        return []
    usual = _usual([value for other in others if (value := _median(other.input_pitch)) is not None], own)
    if usual is None or 1 / FAR_PITCH <= own / usual <= FAR_PITCH:
        return []
    return [f"the cells are {own:.1f} px apart at the network's input (median), in the other folders {usual:.1f} px"]


def _hard(one: Statistics) -> list[str]:
    median = _median(one.separability)
    if median is None or median >= HARD:
        return []
    return [
        f"hard: brightness tells black from white in {_percent(median)} of the pairs of cells only (50 % is chance)"
    ]


def _usual(values: Sequence[float], own: float) -> float | None:
    """The median; of an even number of values the one of the middle two that is nearer to ``own``.

    So one odd folder among three does not make the other two odd.
    """
    middle = sorted(values)[(len(values) - 1) // 2 : len(values) // 2 + 1] if values else []
    return min(middle, key=lambda value: abs(value - own), default=None)


def _median(values: Sequence[float] | np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
