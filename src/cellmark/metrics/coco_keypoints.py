"""COCO keypoint AP of codes whose cells have a known order."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cellmark.errors import CellmarkError
from cellmark.heatmaps.codec import Peaks
from cellmark.heatmaps.groups import group_codes
from cellmark.heatmaps.targets import Targets
from cellmark.metrics.base import GroupedMetric
from cellmark.metrics.coco_evaluation import keypoint_ap
from cellmark.metrics.coco_records import ImageRecord, Instance, pack, unpack
from cellmark.metrics.image_cells import ImageCells, image_cells
from cellmark.metrics.matching import match


class CocoKeypointAP(GroupedMetric):
    """AP of codes as COCO counts persons: a code is one object, its cells are the keypoints.

    Annotated are the codes whose ``rows`` and ``cols`` are known. Detected are the groups that neighbouring peaks form;
    the score is their mean. Peaks are not yet in rows and columns, so **the order is taken from the truth**: a peak
    stands for the cell of its class that it is matched with one-to-one, and a group for the code that it shares most
    cells with. So this measures whether codes are found, whole and apart from each other, and how well their cells
    are placed; it does not measure reading the grid. A group that shares no cell with a code is a false detection.
    One that shares most with a code of unknown order is left out, like the code itself.

    `cellmark.metrics.coco_evaluation` says how pycocotools is used.
    """

    records: list[Tensor]

    def __init__(
        self,
        classes: Sequence[str],
        folders: Sequence[str],
        min_cells: int = 20,
        reach: float = 0.5,
        falloff: float = 0.25,
        max_detections: int = 20,
    ) -> None:
        """Prepares the list of what was seen.

        Args:
            classes: name of each class.
            folders: name of every folder that will be seen.
            min_cells: smaller groups of peaks are no code.
            reach: largest distance of a peak to the cell it stands for, in pitches, in (0, 0.5].
            falloff: distance in pitches at which a keypoint is worth ``exp(-1/2)``.
            max_detections: of one image, as in COCO.

        Raises:
            CellmarkError: a reach beyond half a pitch, where circles around the cells would overlap.
        """
        super().__init__(classes, folders)
        if not 0 < reach <= 0.5:
            raise CellmarkError(f"reach must lie in (0, 0.5] of a pitch, got {reach}")
        self.min_cells, self.reach, self.falloff, self.max_detections = min_cells, reach, falloff, max_detections
        self.add_state("records", [], "cat")

    def update(self, heatmap: Tensor, peaks: Sequence[Peaks], targets: Targets) -> None:
        """Adds a batch; the maps are not looked at."""
        numbers = zip(self.folder_indices(targets), targets.batch.image_ids, strict=True)
        for (folder, image_id), cells in zip(numbers, image_cells(peaks, targets), strict=True):
            found = detected(cells, self.min_cells, self.reach)
            record = pack(ImageRecord(folder, image_id, annotated(cells), found))
            self.records.append(torch.from_numpy(record).to(self.device))

    def values(self, folders: list[int], classes: list[int]) -> dict[str, Tensor]:
        """``coco_ap`` and ``coco_ap_50``; nothing for a part of the classes, because a code is made of all."""
        if len(classes) < len(self.classes):
            return {}
        # one tensor once the processes have been joined, a list before
        numbers = [self.records] if isinstance(self.records, Tensor) else self.records
        images = [image for part in numbers for image in unpack(part.cpu().numpy()) if image.folder in folders]
        ap, ap_50 = keypoint_ap(images, self.falloff, self.max_detections)
        return {name: torch.tensor(ap, device=self.device) for name, ap in (("coco_ap", ap), ("coco_ap_50", ap_50))}


def annotated(cells: ImageCells) -> list[Instance]:
    """The codes of an image whose order is known and of which at least one cell is labelled."""
    codes = []
    for number, grid in enumerate(cells.grids):
        own = cells.places[:, 0] == number
        if grid is not None and own.any():
            codes.append(Instance(cells.places[own, 1], cells.truth[own], float(np.median(cells.pitch[own]))))
    return codes


def detected(cells: ImageCells, min_cells: int, reach: float) -> list[Instance]:
    """The groups of peaks of an image, in the order of the codes they share most cells with."""
    groups = group_codes(cells.points, min_cells)
    partners = _partners(cells, np.concatenate([np.zeros(0, np.int64), *groups]), reach)
    codes = []
    for group in groups:
        matched = group[partners[group] >= 0]
        code, place = cells.places[partners[matched]].T
        most = int(np.bincount(code).argmax()) if len(code) else None
        if most is not None and cells.grids[most] is None:
            continue
        own = code == most
        codes.append(Instance(place[own], cells.points[matched[own]], float(cells.scores[group].mean())))
    return codes


def _partners(cells: ImageCells, members: np.ndarray, reach: float) -> np.ndarray:
    """Index of the true cell that each peak is matched with, -1 for none; only ``members`` take part."""
    partners = np.full(len(cells.points), -1)
    for label in np.unique(cells.classes):
        own, real = members[cells.labels[members] == label], np.flatnonzero(cells.classes == label)
        found, pairs, _ = match(cells.points[own], cells.truth[real], reach * cells.pitch[real])
        partners[own[found]] = real[pairs]
    return partners
