"""What the service computes: cells and texts of pictures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellmark.data.image_headers import BrokenImageError
from cellmark.data.images import FORMATS, decode_image
from cellmark.reading.entries import entries
from cellmark.reading.reader import Choice, Reader
from cellmark.reading.weights import load_classifier, load_default
from cellmark.serving.batcher import Picture, Work
from cellmark.tasks.coco_results import coco_results
from cellmark.tasks.loading import load_model
from cellmark.tasks.predictor import Predictor

NAME = "-"  # what answers call a picture that came without a name, as `cellmark read -` does
DEFAULT_MODEL = "default"


@dataclass(frozen=True)
class Engines:
    """What computes, loaded once.

    Attributes:
        model: what it is called: the name of the checkpoint's file, or ``default`` for the weights of the package.
        device: where the network runs.
        predict: gives the entries of ``predictions.json``.
        read: give the lines of ``cellmark read``, one for each worker.
    """

    model: str
    device: str
    predict: Work
    read: Sequence[Work]


def load(
    ckpt: str | None,
    engine: Choice,
    device: str,
    scales: Sequence[float],
    threshold: float | None,
    min_cells: int,
    workers: int,
) -> Engines:
    """Loads the network once, for everybody.

    Args:
        ckpt: a checkpoint, or an exported file; None takes the weights of the package.
        engine: for reading, see ``Reader``.
        device: ``cpu``, ``cuda``, ... or ``auto``.
        scales: for finding cells, see ``Predictor``.
        threshold: least score of a cell that is found; None as in training.
        min_cells: fewer cells together are no code.
        workers: readers that work side by side; a ``Reader`` remembers its picture, so each has its own.

    Raises:
        CellmarkError: see ``load_model``, ``Predictor`` and ``Reader``.
    """
    model = load_default() if ckpt is None else load_model(ckpt)
    finding = model if threshold is None else replace(model, codec=replace(model.codec, threshold=threshold))
    predictor = Predictor(finding, device, scales, min_cells)
    classifier = None if engine == "classical" else load_classifier()
    readers = [Reader(model, device, engine, classifier) for _ in range(workers)]
    name = DEFAULT_MODEL if ckpt is None else Path(ckpt).name
    return Engines(name, predictor.device.type, predicting(predictor), [reading(reader) for reader in readers])


def predicting(predictor: Predictor) -> Work:
    """Work that finds the cells of a batch of pictures."""
    visibility = predictor.model.visibility()

    def work(pictures: Sequence[Picture]) -> list[Any]:
        decoded = [_decoded(picture) for picture in pictures]
        found = iter(predictor([image for image in decoded if not isinstance(image, BrokenImageError)]))
        return [
            image if isinstance(image, BrokenImageError) else coco_results(next(found), visibility, NAME, 1)
            for image in decoded
        ]

    return work


def reading(reader: Reader) -> Work:
    """Work that reads the codes of pictures, one picture after another."""

    def read(picture: Picture) -> Any:
        start = time.perf_counter()
        image = _decoded(picture)
        if isinstance(image, BrokenImageError):
            return image
        codes = reader.read(image, picture.codes)
        return entries(NAME, codes, reader.reason, time.perf_counter() - start)

    return lambda pictures: [read(picture) for picture in pictures]


def _decoded(picture: Picture) -> np.ndarray | BrokenImageError:
    try:
        return decode_image(picture.content, exif=picture.upright, formats=FORMATS)
    except BrokenImageError as error:
        return error
