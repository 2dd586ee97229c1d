"""What makes data: photo-like images of real ECC 200 codes with the true centre of every cell.

The way of a picture, one file for each step:

1. ``symbols``: a random payload, encoded to a grid of modules;
2. ``views`` and ``geometry``: how the code plane is seen; ``layout`` fits the codes into the picture and
   knows every cell's centre;
3. ``raster``, ``marks`` and ``clutter``: what is on the plane, as textures, and their view in the picture;
4. ``fields`` and ``surfaces``: what the marks are made on; ``paint`` composes the scene of each of the six conditions
   of the report, ``rendered``, ``dots`` and ``parts`` those that only the reader of payloads learns from;
5. ``optics``: light and camera;
6. ``recipes``: how each condition is seen, painted and taken; ``empty``: pictures without a code; ``scenes``: ``draw``
   by name; ``dataset``: folders of them on disk.

A new condition is a painter and an entry of ``recipes.RECIPES``.
"""
