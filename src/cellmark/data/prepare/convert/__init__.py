"""What people have, to COCO with classes, and back.

* ``sources``: which files a conversion starts from.
* ``grids``: the finder, and what 0 and 1 mean; ``grid_files``, ``pairing``: grids and the positions that they belong
  to; ``grid_convert``: positions + grids -> COCO.
* ``csv_points``: rows of a CSV file; ``csv_convert``: CSV <-> COCO.
* ``class_values``: which v to write for a class; ``converted``: writing the images and the file that describes them.

The COCO files themselves are read by ``coco_input``, beside this package, which other verbs share.
"""
