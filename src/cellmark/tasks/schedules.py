"""Learning-rate schedules in the form that Lightning takes.

Each is called with the optimizer, the number of optimizer steps of the whole run, and the monitored metric.
"""

import math
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from cellmark.errors import CellmarkError


def plateau(
    optimizer: Optimizer,
    *,
    total_steps: float,
    monitor: str,
    mode: Literal["min", "max"],
    factor: float = 0.7,
    patience: int = 8,
    min_lr: float = 1e-6,
) -> dict[str, Any]:
    """Multiplies the rate by ``factor`` after ``patience`` validations without a better ``monitor`` (the report's).

    It is stepped after each validation, by ``CellTask.on_validation_end``.
    """
    scheduler = ReduceLROnPlateau(optimizer, mode, factor=factor, patience=patience, min_lr=min_lr)
    return {"scheduler": scheduler, "monitor": monitor}


def one_cycle(
    optimizer: Optimizer,
    *,
    total_steps: float,
    monitor: str,
    mode: Literal["min", "max"],
    warmup: float = 0.2,
) -> dict[str, Any]:
    """Up to the optimizer's rate and down to nothing within the run, step by step (Smith and Topin 2019).

    Args:
        optimizer: its learning rate is the highest rate of the cycle.
        total_steps: optimizer steps of the whole run.
        monitor: not used: the cycle depends on nothing but time.
        mode: not used.
        warmup: share of the steps on the way up.

    Raises:
        CellmarkError: the run has no known end.
    """
    if not math.isfinite(total_steps):
        raise CellmarkError("scheduler one_cycle needs an end: set trainer.max_epochs")
    share = max(warmup, min(2 / total_steps, 0.9))  # PyTorch divides by the steps of the way up less one
    highest = [group["lr"] for group in optimizer.param_groups]
    return {"scheduler": OneCycleLR(optimizer, highest, int(total_steps), pct_start=share), "interval": "step"}
