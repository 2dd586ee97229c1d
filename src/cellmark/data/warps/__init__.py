"""Warps: how a picture is bent, and where its points go.

1. ``displacement``: what a warp is: a backward map, its inverse, and the check that it does not fold;
2. ``exact``: curvature and rotation, whose inverse is a formula; ``random_fields``: crumpling and smooth random fields.

``data.prepare`` writes warped pictures to disk, ``data.augmentation`` warps samples in training: with the same warps.
"""
