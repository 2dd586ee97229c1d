"""Variants of pictures with their cells: warped, turned, noisy.

* ``steps``: a picture with its codes, and the steps that change both; ``variants``: the named sets of steps.
* ``plan``: what a root lacks; ``pictures``, ``entries``: the files, and what the COCO file says of them;
  ``write``: puts both beside the originals, or into a new root.

A new warp is a subclass of ``data.warps.displacement.Warp``, an entry of ``steps.STEPS`` and one of ``variants.SETS``.
"""
