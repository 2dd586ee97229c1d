"""The readers side by side: two classical ones, ours without and with the classical try."""

import importlib
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

from cellmark.reading.classical import barcodes
from cellmark.reading.reader import Reader
from cellmark.reading.text import content
from cellmark.reading.weights import load_classifier, load_default
from cellmark.tasks.checkpoint import Model
from cellmark.tasks.loading import load_model
from reading_benchmark.scoring import Read

ZXING, LIBDMTX, NETWORK, BOTH = "zxing-cpp", "libdmtx", "cellmark network", "cellmark both"
NAMES = (ZXING, LIBDMTX, NETWORK, BOTH)
CLASSICAL, OURS = (ZXING, LIBDMTX), (NETWORK, BOTH)
TIMEOUT = 2000  # milliseconds, of libdmtx


@dataclass(frozen=True)
class Subject:
    """A reader that is measured.

    Attributes:
        name: of ``NAMES``.
        version: of the library, or what the weights are.
        read: image and number of codes in it (1 at least) to reads. libdmtx is told the number, to stop there: else it
            uses up its time on every picture. None where the reader cannot be had.
        missing: why not.
    """

    name: str
    version: str
    read: Callable[[np.ndarray, int], Sequence[Read]] | None
    missing: str = ""

    def timed(self, image: np.ndarray, codes: int) -> tuple[list[Read], float]:
        """The reads, and the milliseconds that they took."""
        if self.read is None:
            raise ValueError(f"{self.name}: {self.missing}")
        started = time.perf_counter()
        reads = list(self.read(image, max(1, codes)))
        return reads, 1e3 * (time.perf_counter() - started)


def make(names: Sequence[str], ckpt: Path | None, device: str, *, told: bool = False) -> list[Subject]:
    """The readers of these names; the weights are loaded once, and only where they are needed.

    Args:
        names: of ``NAMES``.
        ckpt: checkpoint of ``cellmark train experiment=reader``; None for the weights in the package.
        device: where the network runs.
        told: ours are told how many codes there are, too, and stop there.

    Raises:
        CellmarkError: no such checkpoint or device, or a network that cannot read.
    """
    ours = bool(set(names) & set(OURS))
    model, second = (load(ckpt), load_classifier()) if ours else (None, None)
    subjects = []
    for name in names:
        if name == ZXING:
            subjects.append(Subject(ZXING, version("zxing-cpp"), _zxing))
        elif name == LIBDMTX:
            subjects.append(libdmtx())
        else:
            reader = Reader(model, device, "network" if name == NETWORK else "both", second)
            subjects.append(Subject(name, str(ckpt or "weights in the package"), partial(_ours, reader, told)))
    return subjects


def load(ckpt: Path | None) -> Model:
    """The network of a checkpoint, or by default the one in the package.

    Raises:
        CellmarkError: there is none, or it cannot be loaded.
    """
    return load_default() if ckpt is None else load_model(ckpt)


def libdmtx() -> Subject:
    """Libdmtx by way of pylibdmtx: two installations, and either may be missing."""
    try:
        module, library = _pylibdmtx()
    except ImportError as error:  # also where pylibdmtx is there and the library is not
        return Subject(LIBDMTX, "", None, f"not installed ({error}); pip install pylibdmtx, and Debian's libdmtx0b")
    return Subject(LIBDMTX, library, partial(_libdmtx, module))


def _pylibdmtx() -> tuple[ModuleType, str]:
    """Its module, and the version of the library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it asks distutils to compare versions
        module = importlib.import_module("pylibdmtx.pylibdmtx")
        return module, str(importlib.import_module("pylibdmtx.wrapper").dmtxVersion())


def _zxing(image: np.ndarray, codes: int) -> list[Read]:
    del codes  # it looks for all
    return [content(barcode) for barcode in barcodes(image)]


def _libdmtx(module: ModuleType, image: np.ndarray, codes: int) -> list[Read]:
    return [found.data for found in module.decode(image, max_count=codes, timeout=TIMEOUT)]


def _ours(reader: Reader, told: bool, image: np.ndarray, codes: int) -> list[Read]:
    return [code.text for code in reader.read(image, codes if told else None)]
