"""What all metrics of a task share: their input, and their values by class and by folder."""

from collections.abc import Sequence

from torch import Tensor
from torchmetrics import Metric

from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.targets import Targets


class GroupedMetric(Metric):
    """A metric that is told over everything, for each class and for each folder.

    To add one: write ``update`` and ``values``, and name the class in ``conf/metrics``. States that are sums (or lists)
    over images make it right under several processes.
    """

    full_state_update = False

    def __init__(self, classes: Sequence[str], folders: Sequence[str]) -> None:
        """Takes the groups.

        Args:
            classes: name of each class.
            folders: name of every folder that will be seen.
        """
        super().__init__()
        self.classes, self.folders = list(classes), list(folders)

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch.

        Args:
            heatmap: float32 (B, C, h, w) predicted, in 0..1.
            peaks: one per image, in pixels of the input like the points of the batch.
            targets: the truth.
        """
        raise NotImplementedError

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """Scalars by name over some folders and classes; NaN where there was nothing to measure.

        A metric that means nothing for a part of the classes returns no scalar for it.
        """
        raise NotImplementedError

    def compute(self) -> dict[str, Tensor]:
        """All values by name: over everything, then ``/<class>`` and ``/<folder>`` apart, where there are several."""
        folders, classes = list(range(len(self.folders))), list(range(len(self.classes)))
        values = self.values(folders, classes)
        for label in classes if len(classes) > 1 else []:
            part = self.values(folders, [label])
            values |= {f"{key}/{self.classes[label]}": value for key, value in part.items()}
        for folder in folders if len(folders) > 1 else []:
            part = self.values([folder], classes)
            values |= {f"{key}/{self.folders[folder]}": value for key, value in part.items()}
        return values

    def folder_indices(self, targets: Targets) -> list[int]:
        """Which folder each image of the batch comes from."""
        return [self.folders.index(name) for name in targets.batch.folders]
