"""Checkpoints whose names count epochs as people do."""

from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class EpochCheckpoint(ModelCheckpoint):
    """Lightning's, but ``{epoch}`` in ``filename`` counts from 1, as pictures, curves and ``energy.csv`` do."""

    def format_checkpoint_name(self, metrics: dict[str, Any], *args: Any, **options: Any) -> str:
        """The name of a file, see ``ModelCheckpoint``."""
        return super().format_checkpoint_name(metrics | {"epoch": metrics["epoch"] + 1}, *args, **options)
