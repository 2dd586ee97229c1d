"""What changes data on disk, without changing what is there: ``convert``, ``group``, ``warp``, a verb each.

They share ``coco_input`` (one state of a COCO file with its sound images), ``families`` (variants and their originals),
``unchanged`` (notices edits while files are read) and ``output`` (images and problems of a new folder).
"""
