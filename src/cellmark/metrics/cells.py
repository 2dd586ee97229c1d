"""Precision, recall and F1 of cells: the metric the project is judged by."""

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

MATCHED, PREDICTED, ACTUAL = range(3)


class CellMetrics(GroupedMetric):
    """Counts matched, predicted and actual cells by folder, class and tolerance.

    A predicted cell is right when it is matched one-to-one with a true cell of the same class no further away than a
    fraction of the cell pitch. The localisation error is the mean distance of the pairs matched at the
    largest tolerance.
    """

    counts: Tensor
    distances: Tensor

    def __init__(
        self, classes: Sequence[str], folders: Sequence[str], tolerances: Sequence[float] = (0.5, 0.25)
    ) -> None:
        """Prepares the counters.

        Args:
            classes: name of each class.
            folders: name of every folder that will be seen.
            tolerances: fractions of the pitch, each in (0, 0.5].

        Raises:
            CellmarkError: a tolerance beyond half a pitch, where circles around the cells would overlap.
        """
        super().__init__(classes, folders)
        if not tolerances or not all(0 < tolerance <= 0.5 for tolerance in tolerances):
            raise CellmarkError(f"tolerances must lie in (0, 0.5] of a pitch, got {list(tolerances)}")
        self.tolerances = list(tolerances)
        shape = (len(folders), len(classes))
        self.add_state("counts", torch.zeros(*shape, len(tolerances), 3, dtype=torch.int64), "sum")
        self.add_state("distances", torch.zeros(*shape, 2), "sum")

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch; the maps are not looked at."""
        counts, distances = np.zeros(self.counts.shape, np.int64), np.zeros(self.distances.shape, np.float32)
        tolerances = np.array(self.tolerances)
        for folder, cells in zip(self.folder_indices(targets), image_cells(peaks, targets), strict=True):
            for label in range(len(self.classes)):
                found, real = cells.points[cells.labels == label], cells.classes == label
                pitch = cells.pitch[real]
                _, pairs, distance = match(found, cells.truth[real], tolerances.max() * pitch)
                # the circles are disjoint, so what is matched in the small ones is what lies in them
                matched = (distance[:, None] <= tolerances * pitch[pairs, None]).sum(axis=0)
                counts[folder, label, :, MATCHED] += matched
                counts[folder, label, :, PREDICTED] += len(found)
                counts[folder, label, :, ACTUAL] += len(pitch)
                distances[folder, label] += distance.sum(), (distance / pitch[pairs]).sum()
        self.counts += torch.from_numpy(counts).to(self.counts.device)
        self.distances += torch.from_numpy(distances).to(self.distances.device)

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """``cell_f1_50`` and so on; ratios whose denominator is zero are NaN."""
        counts = self.counts[folders][:, classes].sum(dim=(0, 1))
        distances = self.distances[folders][:, classes].sum(dim=(0, 1))
        values: dict[str, Tensor] = {}
        for place, tolerance in enumerate(self.tolerances):
            matched, predicted, actual = counts[place].float().unbind()
            percent = round(100 * tolerance)
            values[f"cell_f1_{percent}"] = 2 * matched / (predicted + actual)
            values[f"cell_precision_{percent}"] = matched / predicted
            values[f"cell_recall_{percent}"] = matched / actual
        widest = self.tolerances.index(max(self.tolerances))
        error = distances / counts[widest, MATCHED]
        return values | {"loc_error_px": error[0], "loc_error_pitch": error[1]}
