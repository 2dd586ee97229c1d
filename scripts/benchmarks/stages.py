"""A profiler that gives every moment of a training to one stage."""

import re
import time
from collections import defaultdict

import torch
from lightning.pytorch.profilers import Profiler

# The first that an action's name contains; what no stage takes is that of the framework itself.
STAGES = {
    "waiting": r"dataloader_next|val_next",
    "transfer": r"to_device",
    "encode": r"\[CellTask\]encode",
    "forward": r"\[CellTask\]forward",
    "loss": r"\[CellTask\]loss",
    "backward": r"\.backward",
    "optimizer": r"optimizer_|gradient_clipping",
    "decode": r"\[CellTask\]decode",
    "metrics": r"\[CellTask\]metrics",
    "logging": r"_step$|CellTask\.on_validation_epoch_end",
    "callbacks": r"\[Callback\]|save_checkpoint",
}
FRAMEWORK = "framework"
TRAINING, VALIDATION = "training", "validation"


class StageTimes(Profiler):
    """Seconds of each stage, without those of the stages within it.

    On a GPU every change of stage waits until the device is done; a training without this profiler does not wait, and
    is faster.

    Attributes:
        seconds: by phase (``training`` or ``validation``) and stage.
    """

    def __init__(self) -> None:
        """Begins with no time at all."""
        super().__init__()
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._open: list[str] = []
        self._phase, self._since = TRAINING, time.perf_counter()

    def start(self, action_name: str) -> None:
        """Begins an action, within the one that is under way."""
        self._pass_time()
        if "on_validation_" in action_name:
            self._phase = VALIDATION
        self._open.append(action_name)

    def stop(self, action_name: str) -> None:
        """Ends the action that was begun last."""
        self._pass_time()
        last = self._open.pop()
        assert last == action_name, f"{action_name} ends before {last}"
        if action_name.endswith("Strategy.on_validation_end"):
            self._phase = TRAINING

    def _pass_time(self) -> None:
        """Gives the time since the last change to the action under way."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[self._phase, stage_of(self._open[-1]) if self._open else FRAMEWORK] += now - self._since
        self._since = now


def stage_of(action: str) -> str:
    """The stage that an action of Lightning or of the task belongs to."""
    return next((stage for stage, pattern in STAGES.items() if re.search(pattern, action)), FRAMEWORK)
