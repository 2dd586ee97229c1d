"""The second look: a lattice that is known by and large is followed on its rectified picture, cell by cell."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from cellmark.data.rectify import FARTHEST, moved, rectify
from cellmark.models.classifier import CellClassifier
from cellmark.reading.growth import Grid
from cellmark.reading.settling import smoothed, widen

MOST_CELLS = 40_000  # of a lattice: the largest symbol has 20,736
TURNS = 14  # looks at most; each follows the lattice a little further
FURTHER = 2  # cells beyond the known ones that a look is shown
GAIN = 1.01  # times as many known cells, without which following ends
DOUBT = 0.2  # cells: expected error of a place up to which it is known
LEAST = 24  # known cells, without which there is nothing to follow


@dataclass(frozen=True)
class Looked:
    """What the second look says.

    Attributes:
        places: float64 (rows, cols, 2) x, y in pixels of the image.
        black: (rows, cols) probability of black; in a code that is light on dark it may be that of white.
        known: bool (rows, cols), where the place is sure, and within a code.
    """

    places: np.ndarray
    black: np.ndarray
    known: np.ndarray


class SecondLook:
    """A network that is shown lattices instead of pictures.

    The first one has to find cells wherever they are, however they are turned, bent and sized. This one knows all that
    but for some fraction of a cell, and has their colours left to tell.
    """

    def __init__(self, network: CellClassifier, device: torch.device) -> None:
        """Takes the network and where it runs."""
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        self.network = network.to(device, memory_format=layout).eval()  # type: ignore[call-overload]
        self.device = device

    def follow(self, image: np.ndarray, places: np.ndarray) -> Looked | None:
        """Corrects a lattice, and follows it from where it is sure to where it was wrong or unknown.

        Args:
            image: uint8 (H, W, 3) RGB.
            places: (rows, cols, 2) centres in pixels of the image.

        Returns:
            What was seen in the end; None where hardly any place is sure, or the lattice is larger than any code.
        """
        best: Looked | None = None
        for _ in range(TURNS):
            if places.shape[0] * places.shape[1] > MOST_CELLS:
                break
            looked = self.look(image, places)
            known = _largest(looked.known)
            count, before = int(known.sum()), 0 if best is None else int(best.known.sum())
            if count < LEAST or count <= before:
                break
            best = Looked(looked.places, looked.black, known)
            if count < GAIN * before:
                break
            places = _continued(looked.places, known)
        return best

    def look(self, image: np.ndarray, places: np.ndarray) -> Looked:
        """Looks once; arguments as for ``follow``."""
        picture = torch.from_numpy(rectify(image, places)).to(self.device).permute(2, 0, 1)[None]
        with torch.inference_mode():
            cells = self.network(picture)
        black, shift, doubt, inside = (each[0].float().cpu().numpy() for each in cells)
        return Looked(
            places=moved(places, shift.transpose(1, 2, 0)),
            black=1 / (1 + np.exp(-black.astype(float))),
            known=(doubt < np.log(DOUBT)) & (inside > 0) & (np.linalg.norm(shift, axis=0) < FARTHEST),
        )


def _largest(known: np.ndarray) -> np.ndarray:
    """The largest part that hangs together by the sides of cells."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(known.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros(known.shape, bool)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _continued(places: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Places of a lattice around its known cells, those beyond and between them predicted from these."""
    rows, cols = np.nonzero(known.any(axis=1))[0], np.nonzero(known.any(axis=0))[0]
    box = slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)
    grid = Grid(places[box], np.where(known[box], 0, -1))
    return widen(Grid(smoothed(grid), grid.cells), FURTHER).places
