"""Contact sheets: what only ours reads, and what ours misses."""

from collections.abc import Callable, Sequence

import numpy as np

from cellmark.viz.gallery import shrunk
from cellmark.viz.sheet import contact_sheet
from reading_benchmark.measuring import Outcome, our_best
from reading_benchmark.pictures import Picture
from reading_benchmark.readers import CLASSICAL

MOST = 24  # pictures on a sheet
COLUMNS, TILE = 6, 220
SHOWN = 12  # letters of a payload

Found = list[tuple[Picture, str]]  # a picture, and a payload in it


def only_ours(outcomes: Sequence[Outcome]) -> Found:
    """Codes that our reader reads and no classical one, one a picture."""
    return _first(outcomes, lambda outcome, ours: outcome.read_by([ours]) - outcome.read_by(CLASSICAL))


def missed(outcomes: Sequence[Outcome]) -> Found:
    """Codes that our reader does not read, one a picture."""
    return _first(outcomes, lambda outcome, ours: frozenset(range(len(outcome.texts))) - outcome.read_by([ours]))


def sheet(found: Found, title: str) -> np.ndarray:
    """A sheet, uint8 RGB, of at most ``MOST`` of these pictures, taken evenly from all, each with its payload."""
    places = np.linspace(0, len(found) - 1, min(MOST, len(found))).round().astype(int)
    chosen = [found[place] for place in places]
    images = [shrunk(picture.load().image, 2 * TILE) for picture, _ in chosen]
    captions = [f"{text if len(text) <= SHOWN else text[:SHOWN] + '..'} | {picture.name}" for picture, text in chosen]
    result: np.ndarray = contact_sheet(
        images, COLUMNS, TILE, captions, f"{title}: {len(chosen)} of {len(found)} pictures"
    )
    return result


def _first(outcomes: Sequence[Outcome], places: Callable[[Outcome, str], frozenset[int]]) -> Found:
    ours = our_best(outcomes)
    if ours is None:
        return []
    pairs = [(outcome, places(outcome, ours)) for outcome in outcomes]
    return [(outcome.picture, outcome.texts[min(these)]) for outcome, these in pairs if these]
