"""Precision, recall and F1 of cells: the metric the project is judged by."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import Peaks
from cellmark.metrics.matching import match

MATCHED, PREDICTED, ACTUAL = range(3)


class CellMetrics(Metric):
    """Counts matched, predicted and actual cells by folder, class and tolerance.

    A predicted cell is right when it is matched one-to-one with a true cell of the same class no further away than a
    fraction of the cell pitch. The localisation error is the mean distance of the pairs matched at the
    largest tolerance.
    """

    full_state_update = False
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
        super().__init__()
        if not tolerances or not all(0 < tolerance <= 0.5 for tolerance in tolerances):
            raise CellmarkError(f"tolerances must lie in (0, 0.5] of a pitch, got {list(tolerances)}")
        self.classes, self.folders, self.tolerances = list(classes), list(folders), list(tolerances)
        shape = (len(folders), len(classes))
        self.add_state("counts", torch.zeros(*shape, len(tolerances), 3, dtype=torch.int64), "sum")
        self.add_state("distances", torch.zeros(*shape, 2), "sum")

    def update(self, predictions: Sequence[Peaks], batch: Batch) -> None:
        """Adds a batch: one ``Peaks`` per image, in pixels of the input like the points of the batch."""
        for index, peaks in enumerate(predictions):
            folder = self.folders.index(batch.folders[index])
            for label in range(len(self.classes)):
                found = peaks.points[peaks.labels == label].cpu().double().numpy()
                real = batch.labels[index] == label
                truth = batch.points[index][real].cpu().double().numpy()
                pitch = batch.pitch[index][real].cpu().double().numpy()
                for place, tolerance in enumerate(self.tolerances):
                    _, cells, distance = match(found, truth, tolerance * pitch)
                    numbers = torch.tensor([len(cells), len(found), len(truth)], device=self.counts.device)
                    self.counts[folder, label, place] += numbers
                    if tolerance == max(self.tolerances):
                        error = [distance.sum(), (distance / pitch[cells]).sum()]
                        self.distances[folder, label] += self.distances.new_tensor(error)

    def compute(self) -> dict[str, Tensor]:
        """All values by name: over everything, then ``/<class>`` and ``/<folder>`` apart.

        Ratios whose denominator is zero are NaN: nothing was there to measure.
        """
        values = self._values(self.counts.sum(dim=(0, 1)), self.distances.sum(dim=(0, 1)))
        for label, name in enumerate(self.classes if len(self.classes) > 1 else []):
            part = self._values(self.counts[:, label].sum(dim=0), self.distances[:, label].sum(dim=0))
            values |= {f"{key}/{name}": value for key, value in part.items()}
        for folder, name in enumerate(self.folders if len(self.folders) > 1 else []):
            part = self._values(self.counts[folder].sum(dim=0), self.distances[folder].sum(dim=0))
            values |= {f"{key}/{name}": value for key, value in part.items()}
        return values

    def _values(self, counts: Tensor, distances: Tensor) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for place, tolerance in enumerate(self.tolerances):
            matched, predicted, actual = counts[place].float().unbind()
            percent = round(100 * tolerance)
            values[f"cell_f1_{percent}"] = 2 * matched / (predicted + actual)
            values[f"cell_precision_{percent}"] = matched / predicted
            values[f"cell_recall_{percent}"] = matched / actual
        widest = self.tolerances.index(max(self.tolerances))
        error = (distances / counts[widest, MATCHED]).float()
        return values | {"loc_error_px": error[0], "loc_error_pitch": error[1]}
