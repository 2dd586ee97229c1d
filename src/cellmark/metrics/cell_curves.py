"""How many cells are found, rightly and wrongly, at every threshold of the scores."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.base import GroupedMetric
from cellmark.metrics.image_cells import image_cells
from cellmark.metrics.matching import match


class CellCurves(GroupedMetric):
    """The counts behind precision-recall curves of cells, for each folder and class.

    At a threshold t only the peaks that score at least t are there. A true cell is found when one of these, of its own
    class, lies within ``reach`` of it; each of them counts for one cell at most. Peaks below the threshold of the codec
    do not exist, so recall does not rise any more below it.
    """

    hits: Tensor
    found: Tensor
    actual: Tensor

    def __init__(
        self, classes: Sequence[str], folders: Sequence[str], thresholds: int = 101, reach: float = 0.5
    ) -> None:
        """Prepares the counters.

        Args:
            classes: name of each class.
            folders: name of every folder that will be seen.
            thresholds: their number, evenly from 0 to 1.
            reach: from a true cell to its peak, as a fraction of the pitch, in (0, 0.5].

        Raises:
            CellmarkError: a number that cannot be.
        """
        super().__init__(classes, folders)
        if thresholds < 2 or not 0 < reach <= 0.5:
            raise CellmarkError(f"curves need 2 thresholds and a reach in (0, 0.5], got {thresholds} and {reach}")
        self.reach, self.thresholds = reach, np.linspace(0, 1, thresholds)
        shape = (len(folders), len(classes))
        for name in ("hits", "found"):  # by the highest threshold at which they still count
            self.add_state(name, torch.zeros(*shape, thresholds, dtype=torch.int64), "sum")
        self.add_state("actual", torch.zeros(*shape, dtype=torch.int64), "sum")

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch; the maps are not looked at."""
        hits, found = np.zeros(self.hits.shape, np.int64), np.zeros(self.found.shape, np.int64)
        actual = np.zeros(self.actual.shape, np.int64)
        for folder, cells in zip(self.folder_indices(targets), image_cells(peaks, targets), strict=True):
            for label in range(len(self.classes)):
                own, real = cells.labels == label, cells.classes == label
                scores, radius = cells.scores[own], self.reach * cells.pitch[real]
                best = _best_scores(cells.points[own], scores, cells.truth[real], radius)
                hits[folder, label] += self._histogram(best)
                found[folder, label] += self._histogram(scores)
                actual[folder, label] += len(radius)
        for state, counts in ((self.hits, hits), (self.found, found), (self.actual, actual)):
            state += torch.from_numpy(counts).to(state.device)

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """``curve``, int64 (3, thresholds): right and wrong peaks and missed cells, at each threshold from 0 to 1."""
        hits, found, actual = (state[folders][:, classes].sum(dim=(0, 1)) for state in self._states())
        right, seen = (counts.flip(0).cumsum(0).flip(0) for counts in (hits, found))
        return {"curve": torch.stack([right, seen - right, actual - right])}

    def _states(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.hits, self.found, self.actual

    def _histogram(self, scores: np.ndarray) -> np.ndarray:
        """Number of scores by the highest threshold that each of them reaches."""
        reached = np.searchsorted(self.thresholds, scores, side="right") - 1
        counts: np.ndarray = np.bincount(reached, minlength=len(self.thresholds))
        return counts


def _best_scores(points: np.ndarray, scores: np.ndarray, truth: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Of each true cell that has peaks around it the highest of their scores: up to there it is found.

    ``match`` gives the nearest peak, which need not be the highest one; so it is asked again for the others.
    """
    best = np.full(len(truth), -np.inf)
    left = np.arange(len(points))
    while True:
        nearest, cells, _ = match(points[left], truth, radius)
        if not len(nearest):
            found: np.ndarray = best[np.isfinite(best)]
            return found
        best[cells] = np.maximum(best[cells], scores[left[nearest]])
        left = np.delete(left, nearest)
