"""cellmark: finds the centre and the class of every cell of damaged DataMatrix codes.

The map, in the direction in which data flows:

* ``data``: COCO keypoints in folders -> samples -> batches; ``data.augmentation`` changes samples in training,
  ``data.generate`` makes data, ``data.prepare`` changes data on disk.
* ``heatmaps``: the codec between points and maps.
* ``models``: network = backbone + decoder + heads, image -> named maps.
* ``losses``, ``metrics``: what training minimises, what it is judged by.
* ``tasks``: the LightningModule that joins all of the above.
* ``callbacks``, ``loggers``: what happens around a training: checkpoints, pictures, curves, energy, ``metrics.csv``.
* ``runs``: run folders: what a training leaves in them, several of them side by side, the folds of a cross-validation.
* ``reading``: cells -> lattice -> codewords -> text; ``cellmark.read(image)`` is all of it.
* ``export``: a trained network as an ONNX file, and running it.
* ``serving``: the HTTP service around both, and its page.
* ``symbology``: the standard's table of symbols, for reading and for drawing.
* ``viz``: arrays in, pictures out.
* ``cli``: one file per verb of the ``cellmark`` command.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellmark.reading.api import read

__version__ = "0.1.0"
__all__ = ["__version__", "read"]


def __getattr__(name: str) -> Any:
    """``read`` is imported when it is first asked for: it brings torch, which takes seconds."""
    if name != "read":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cellmark.reading.api import read

    return read
