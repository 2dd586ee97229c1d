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
* ``viz``: arrays in, pictures out.
* ``cli``: one file per verb of the ``cellmark`` command.
"""

__version__ = "0.1.0"
