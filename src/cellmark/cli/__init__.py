"""The ``cellmark`` command: one file per verb."""
