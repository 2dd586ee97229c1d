"""Checkpoints of a run folder."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ModelCheckpoint

from cellmark.callbacks.resumption import is_whole_epoch


class EpochCheckpoint(ModelCheckpoint):
    """Lightning's, but for four things.

    ``{epoch}`` in ``filename`` counts from 1, as pictures, curves and ``energy.csv`` do. A resumed run whose folder was
    moved still knows its best checkpoint, and how good it is. Several may differ in nothing but their files. And at the
    end of an epoch that was cut short nothing is saved: a resume would leave out the rest of it.
    """

    @property
    def state_key(self) -> str:
        """Under which a checkpoint holds the state of this callback."""
        return f"{super().state_key}[{self.filename}]"

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Saves where it is time to."""
        if is_whole_epoch(trainer):
            super().on_train_epoch_end(trainer, pl_module)

    def format_checkpoint_name(self, metrics: dict[str, Any], *args: Any, **options: Any) -> str:
        """The name of a file, see ``ModelCheckpoint``."""
        return super().format_checkpoint_name(metrics | {"epoch": metrics["epoch"] + 1}, *args, **options)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up the state of a checkpoint, its paths as they are in the folder of now."""
        super().load_state_dict({key: self._moved(value, state_dict["dirpath"]) for key, value in state_dict.items()})

    def _moved(self, value: Any, old: str) -> Any:
        if isinstance(value, dict):
            return {self._moved(key, old): one for key, one in value.items()}
        if isinstance(value, str) and Path(value).is_relative_to(old):
            return str(Path(str(self.dirpath)) / Path(value).relative_to(old))
        return value
