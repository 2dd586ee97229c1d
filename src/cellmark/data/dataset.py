"""Records of folders as samples, the same for the same seed whatever the number of workers."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch.utils.data import Dataset

from cellmark.coordinates import resize_points
from cellmark.data.annotations import cells_of
from cellmark.data.batch import cell_pitch
from cellmark.data.fit import fit_image
from cellmark.data.images import read_image
from cellmark.data.records import Folder, ImageRecord, Sample
from cellmark.data.sampling import Key
from cellmark.data.selection import evenly


def load_sample(
    folder: str, record: ImageRecord, size: tuple[int, int], visibility_to_class: Mapping[int, int | None]
) -> Sample:
    """Reads one image with its labelled cells and fits both into the network's input."""
    image, scale = fit_image(read_image(record.path), size)
    points, labels = cells_of(record, visibility_to_class)
    lengths = [len(code.keypoints) for code in record.codes]
    places = [(number, place) for number, length in enumerate(lengths) for place in range(length)]
    labelled = labels >= 0
    return Sample(
        image=image,
        points=resize_points(points[labelled], scale).astype(np.float32),
        labels=labels[labelled],
        places=np.array(places, np.int64).reshape(-1, 2)[labelled],
        grids=tuple((code.rows, code.cols) if code.rows and code.cols else None for code in record.codes),
        folder=folder,
        path=record.path,
        image_id=record.id,
    )


class CellDataset(Dataset[Sample]):
    """The images of some folders."""

    def __init__(
        self,
        folders: Sequence[Folder],
        size: tuple[int, int],
        visibility_to_class: Mapping[int, int | None],
        augment: Callable[[Sample, int], Sample] | None = None,
        seed: int = 0,
    ) -> None:
        """Lists the records; images are read when they are asked for."""
        self.records = [(folder.name, record) for folder in folders for record in folder.images]
        self.size, self.visibility_to_class = size, dict(visibility_to_class)
        self.augment, self.seed = augment, seed

    def __len__(self) -> int:
        """Number of images."""
        return len(self.records)

    def __getitem__(self, key: Key) -> Sample:
        """The sample ``key = (epoch, index)``."""
        epoch, index = key
        folder, record = self.records[index]
        sample = load_sample(folder, record, self.size, self.visibility_to_class)
        if self.augment is None:
            return sample
        return self.augment(sample, int(np.random.SeedSequence([self.seed, epoch, index]).generate_state(1)[0]))


def pitches(dataset: CellDataset, most: int = 200) -> np.ndarray:
    """Cell pitch in pixels of the input, float (N,), of all labelled cells of some images, evenly chosen.

    Args:
        dataset: its annotations are read, not its images.
        most: number of images to look at.
    """
    found: list[np.ndarray] = [np.zeros(0, np.float32)]
    for _, record in evenly(dataset.records, most):
        scale = min(dataset.size[0] / record.height, dataset.size[1] / record.width)
        points, labels = cells_of(record, dataset.visibility_to_class)
        found.append(scale * cell_pitch(points[labels >= 0], (record.height, record.width)))
    return np.concatenate(found)
