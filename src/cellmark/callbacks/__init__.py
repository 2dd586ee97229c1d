"""Callbacks of the trainer: pictures, curves, energy. Named in ``conf/callbacks``."""
