"""Reading codes in a program: ``cellmark.read``."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from cellmark.data.images import read_image
from cellmark.errors import CellmarkError
from cellmark.reading import weights
from cellmark.reading.code import Code
from cellmark.reading.reader import Choice, Reader
from cellmark.reading.weights import load_classifier, load_default
from cellmark.tasks.loading import load_model

_KEPT = 4  # readers that are kept for the next call


def read(
    image: str | Path | np.ndarray,
    *,
    codes: int | None = None,
    engine: Choice = "both",
    device: str = "auto",
    ckpt: str | Path | None = None,
) -> list[Code]:
    """Reads the DataMatrix codes of a picture.

    The first call with an engine, a device and a checkpoint loads the network; later ones find it ready.

    Args:
        image: a picture file, or uint8 (H, W, 3) RGB or (H, W) grey.
        codes: stop after so many; None looks for all.
        engine: ``both``: the classical reader first, then the network; or ``classical`` or ``network`` alone.
        device: ``cpu``, ``cuda``, ... or ``auto``: a GPU where there is one.
        ckpt: a checkpoint of ``cellmark train experiment=reader``; None takes the weights of the package.

    Returns:
        The codes that were read, each with its text and its place in pixels of the picture as it is stored (turning
        by EXIF is ignored).

    Raises:
        CellmarkError: no picture, weights that are not there, or an engine or a device that does not exist.
    """
    if codes is not None and (not isinstance(codes, int) or isinstance(codes, bool) or codes < 1):
        raise CellmarkError(f"codes={codes!r}: a whole number from 1 up is needed, or None for all")
    pixels = _pixels(image) if isinstance(image, np.ndarray) else read_image(Path(image))
    return reader_for(engine, device, ckpt).read(pixels, codes)


def reader_for(engine: Choice = "both", device: str = "auto", ckpt: str | Path | None = None) -> Reader:
    """The reader for an engine, a device and a checkpoint, made once; made anew when the file has changed.

    Raises:
        CellmarkError: see ``read``.
    """
    path = None if ckpt is None or engine == "classical" else Path(ckpt).resolve()
    state = path.stat() if path is not None and path.is_file() else None
    return _made(engine, device, path, None if state is None else (state.st_mtime_ns, state.st_size))


def weight_files(engine: Choice = "both", ckpt: str | Path | None = None) -> list[Path]:
    """The files that hold the weights of a reader."""
    return [] if engine == "classical" else [weights.DEFAULT if ckpt is None else Path(ckpt), weights.CLASSIFIER]


def forget() -> None:
    """Lets go of the networks that are kept for the next call."""
    _made.cache_clear()


@lru_cache(_KEPT)
def _made(engine: Choice, device: str, path: Path | None, stamp: tuple[int, int] | None) -> Reader:
    """The reader; ``stamp`` tells one content of the file from another."""
    if engine not in ("both", "network"):
        return Reader(None, device, engine)
    model = load_default() if path is None else load_model(path)
    return Reader(model, device, engine, load_classifier())


def _pixels(image: np.ndarray) -> np.ndarray:
    """A picture as uint8 (H, W, 3).

    Raises:
        CellmarkError: an array of another kind.
    """
    grey, colour = image.ndim == 2, image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not (grey or colour) or not image.size:
        wanted = "uint8 (H, W, 3) RGB or (H, W) grey"
        raise CellmarkError(f"a picture is {wanted}, this array is {image.dtype} {image.shape}")
    return np.repeat(image[..., None], 3, axis=2) if grey else image
