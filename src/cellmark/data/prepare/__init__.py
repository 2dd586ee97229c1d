"""What changes data on disk: warps of pictures with their keypoints, and offline sets made of them.

1. ``displacement``: what a warp is: a backward map, its inverse, and the check that it does not fold;
2. ``warps``: curvature and rotation; ``random_fields``: crumpling and smooth random fields;
3. ``steps``: a picture with its codes, and the steps that change both; ``variants``: the named sets of steps;
4. ``offline``: writes a new root of folders with the variants of every picture beside it;
   ``offline_pictures`` writes the files, ``offline_entries`` their entries in the COCO file.

A new warp is a subclass of ``displacement.Warp``, an entry of ``steps.STEPS`` and one of ``variants.SETS``.
"""
