"""What changes data on disk.

1. ``steps``: a picture with its codes, and the steps that change both; ``variants``: the named sets of steps;
2. ``offline``: writes a new root of folders with the variants of every picture beside it;
   ``offline_pictures`` writes the files, ``offline_entries`` their entries in the COCO file.

A new warp is a subclass of ``data.warps.displacement.Warp``, an entry of ``steps.STEPS`` and one of ``variants.SETS``.
"""
