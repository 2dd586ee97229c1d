"""Power, energy and emissions of a training."""

import csv
import io
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, astuple
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from cellmark.callbacks.energy_meter import EnergyMeter, Spent, nvml_indices
from cellmark.data.batch import Batch
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes, write_json

COLUMNS = ("epoch", "seconds", "cpu_kwh", "gpu_kwh", "ram_kwh", "kwh", "kg_co2", "watts", "total_kwh", "total_kg_co2")
READ_SECONDS = 15.0  # longest span between two readings: energy counters of processors run over within minutes

log = logging.getLogger(__name__)


class Energy(L.Callback):
    """Measures the fit, writes ``energy.csv`` and ``energy.json`` into the run folder.

    A row of ``energy.csv`` is one epoch with its validation: what it took, its mean power, and the totals at its end.
    The file is replaced as a whole, so that a crash leaves whole rows. ``energy.json`` is the report: the whole fit
    (with the part of an epoch that a failure cut off), how power was measured, and on what. The meter is stopped at
    the end, on any exception and on Ctrl-C.

    Only the first process measures, and it counts what runs on its machine. A resumed run goes on from the figures in
    its checkpoint; what an earlier run spent after that checkpoint stands in that run's own report.
    """

    def __init__(
        self,
        kg_per_kwh: float = 0.11,
        country: str = "BEL",
        scope: Literal["machine", "process"] = "machine",
        cpu_watts: float | None = None,
    ) -> None:
        """Takes the settings; see ``EnergyMeter``.

        Raises:
            CellmarkError: a negative number, or an unknown scope.
        """
        if not kg_per_kwh >= 0 or not (cpu_watts is None or cpu_watts > 0) or scope not in ("machine", "process"):
            raise CellmarkError(f"energy: kg_per_kwh={kg_per_kwh}, cpu_watts={cpu_watts}, scope={scope} cannot be")
        self.kg_per_kwh, self.country, self.scope, self.cpu_watts = kg_per_kwh, country, scope, cpu_watts
        self._meter: EnergyMeter | None = None
        self._earlier = self._spent = self._at_row = Spent()  # before this fit; until now; at the end of the last row
        self._rows: list[list[float]] = []
        self._read_at = 0.0

    def total(self) -> dict[str, float]:
        """``kwh`` and ``kg_co2`` of the whole fit, once it has ended."""
        return {"kwh": self._spent.kwh, "kg_co2": self._spent.kg_co2}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts to measure."""
        if not trainer.is_global_zero:
            return
        cuda = trainer.strategy.root_device.type == "cuda"
        gpus = nvml_indices(trainer.device_ids) if cuda else None
        self._earlier = self._at_row = self._spent
        self._meter = EnergyMeter(self.kg_per_kwh, self.country, self.scope, self.cpu_watts, gpus)
        self._read_at = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Reads the meter now and then."""
        self._read_if_due()

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Reads the meter now and then."""
        self._read_if_due()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Adds a row."""
        if self._meter is None:
            return
        self._read()
        took, self._at_row = self._spent - self._at_row, self._spent
        totals = (self._spent.kwh, self._spent.kg_co2)
        self._rows.append([trainer.current_epoch + 1, *astuple(took), took.watts, *totals])
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([f"{value:.9g}" for value in row] for row in self._rows)
        write_bytes(Path(trainer.default_root_dir) / "energy.csv", text.getvalue().encode())

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stops and reports."""
        self._finish(trainer, "normally")

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Stops and reports what was spent until the failure, or until Ctrl-C."""
        self._finish(trainer, type(exception).__name__)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run goes on from."""
        if self._meter is not None:
            self._read()
        return {"spent": list(astuple(self._spent)), "rows": [list(row) for row in self._rows]}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Goes on from the figures of a checkpoint; not where one is loaded to be measured after the training."""
        state = checkpoint["callbacks"].get(self.state_key)
        if state and trainer.state.fn == TrainerFn.FITTING:
            self._spent, self._rows = Spent(*state["spent"]), [list(row) for row in state["rows"]]

    def _read_if_due(self) -> None:
        if self._meter is not None and time.perf_counter() - self._read_at > READ_SECONDS:
            self._read()

    def _read(self) -> None:
        assert self._meter is not None
        self._spent, self._read_at = self._earlier + self._meter.read(), time.perf_counter()

    def _finish(self, trainer: L.Trainer, ended: str) -> None:
        if self._meter is None:
            return
        meter, self._meter = self._meter, None
        self._spent = self._earlier + meter.stop()
        report = asdict(self._spent) | {
            "mean_watts": self._spent.watts,
            "epochs": len(self._rows),
            "ended": ended,
            "kg_per_kwh": self.kg_per_kwh,
            "country": self.country,
            "scope": self.scope,
            **meter.describe(),
            "codecarbon": version("codecarbon"),
        }
        write_json(Path(trainer.default_root_dir) / "energy.json", report)
        told = (1000 * self._spent.kwh, 1000 * self._spent.kg_co2, self._spent.seconds, self._spent.watts)
        log.info("energy of the training: %.3g Wh, %.3g g CO2 in %.0f s, %.0f W on average", *told)
