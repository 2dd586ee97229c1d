"""Warps: how a picture is bent, and where its points go.

1. ``displacement``: what a warp is: a backward map, and what unfolded means;
2. ``inverse``: Newton's method, which finds the places of points wherever there is no formula;
3. ``exact``: curvature and rotation, whose inverse is a formula; ``random_fields``: crumpling and smooth random fields;
4. ``nodes``: sums of warps, given at nodes a few pixels apart: fast, and every fold is known exactly.

``data.prepare`` writes warped pictures to disk, ``data.augmentation`` warps samples in training: with the same warps.
To add one: subclass ``displacement.Warp`` or ``ProbedWarp``, then a step in ``data.prepare.warp.steps`` and a part in
``data.augmentation.sheets``.
"""
