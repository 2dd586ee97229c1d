"""The curves of a training's metrics, redrawn as it goes on."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn

from cellmark.errors import CellmarkError
from cellmark.files import write_image
from cellmark.viz.curves import draw_curves


class MetricCurves(L.Callback):
    """Draws ``plots/curves.png`` in the run folder every ``every`` epochs and when it ends, by failure or Ctrl-C too.

    Attributes:
        history: (epoch, value) pairs of every epoch metric and of the learning rate, the epoch counted from 1. It goes
            into checkpoints, so that the curves of a resumed run are whole.
    """

    def __init__(self, every: int = 10) -> None:
        """Takes the number of epochs between two drawings.

        Raises:
            CellmarkError: it is less than 1.
        """
        if every < 1:
            raise CellmarkError(f"curves: every={every} cannot be")
        self.every = every
        self.history: dict[str, list[list[float]]] = {}
        self._validated = False

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Notes that the values of ``val/`` are new: in an epoch without validation the trainer still has the old."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Takes the values of the epoch, when those of training are complete and its validation is over."""
        epoch = trainer.current_epoch + 1
        splits = ("train/", "val/") if self._validated else ("train/",)
        self._validated = False
        values = {
            key: float(value)
            for key, value in trainer.callback_metrics.items()
            if key.startswith(splits) and not key.endswith(("_step", "_epoch"))
        }
        rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
        values |= {"lr" if len(rates) == 1 else f"lr/{k}": float(rate) for k, rate in enumerate(rates)}
        for key, value in values.items():
            self.history.setdefault(key, []).append([epoch, value])
        if epoch % self.every == 0:
            self._draw(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draws the whole run."""
        self._draw(trainer)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Draws what is known so far."""
        self._draw(trainer)

    def state_dict(self) -> dict[str, Any]:
        """The history, as plain values."""
        return {"history": {key: [list(point) for point in curve] for key, curve in self.history.items()}}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Takes up the history of a checkpoint; not where one is loaded to be measured after the training."""
        state = checkpoint["callbacks"].get(self.state_key)
        if state and trainer.state.fn == TrainerFn.FITTING:
            self.history = {key: [list(point) for point in curve] for key, curve in state["history"].items()}

    def _draw(self, trainer: L.Trainer) -> None:
        if not trainer.is_global_zero or not self.history:
            return
        folder = Path(trainer.default_root_dir)
        last = max(int(curve[-1][0]) for curve in self.history.values())
        write_image(folder / "plots" / "curves.png", draw_curves(self.history, f"{folder.name}: {last} epochs"))
