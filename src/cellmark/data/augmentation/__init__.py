"""Own transforms for ``data.augment``, where albumentations parts picture and points or takes too long.

* ``warp``: every movement of a picture in one resampling, composed of the parts in ``projective``, ``fields`` and
  ``sheets``; the last are the warps of ``data.warps``, which ``data.prepare`` writes to disk.
* ``turn``: quarter turns and mirrors.
* ``blur``, ``noise``: what a camera adds.

Each is an albumentations transform, so a preset mixes them with albumentations' own. To add a movement: subclass
``warp.Projective`` or ``warp.Field``, name it in a preset, and the tests of every preset measure it.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version at import
