"""Electric energy of this machine, read through codecarbon, without network and without files."""

import logging
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

import torch
from codecarbon import OfflineEmissionsTracker
from codecarbon.core.gpu import AllGPUDevices
from codecarbon.external.logger import set_logger_level
from codecarbon.output_methods.base_output import BaseOutput

from cellmark.errors import CellmarkError

NEVER = 86400.0 * 365  # seconds between the measurements of codecarbon's own thread, see `EnergyMeter`
FRESH = 0.06  # seconds; codecarbon does not measure again within 0.05

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spent:
    """Time, energy and emissions of a span of time.

    Attributes:
        seconds: its length.
        cpu_kwh: energy of the processors.
        gpu_kwh: energy of the GPUs.
        ram_kwh: energy of the memory.
        kwh: of all three.
        kg_co2: emissions.
    """

    seconds: float = 0.0
    cpu_kwh: float = 0.0
    gpu_kwh: float = 0.0
    ram_kwh: float = 0.0
    kwh: float = 0.0
    kg_co2: float = 0.0

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.kwh * 3.6e6 / self.seconds if self.seconds > 0 else 0.0

    def __add__(self, other: "Spent") -> "Spent":
        """Both spans together."""
        return Spent(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Spent") -> "Spent":
        """What came after ``other``."""
        return Spent(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


class _Latest(BaseOutput):
    """Where codecarbon puts its figures: the documented way to them, and no file or server is involved."""

    def __init__(self) -> None:
        self.total: Any = None

    def out(self, total: Any, delta: Any) -> None:
        self.total = total


class EnergyMeter:
    """Counts from its making until ``stop``.

    codecarbon measures in a thread of its own, which races with a reading from outside and can outlive the end (its
    issue 1308). So that thread gets nothing to do: energy is counted in ``read``, by whoever calls it, and only
    codecarbon's sampling of the power, once a second, stays in the background.
    """

    def __init__(
        self,
        kg_per_kwh: float,
        country: str,
        scope: Literal["machine", "process"] = "machine",
        cpu_watts: float | None = None,
        gpus: Sequence[int] | None = None,
    ) -> None:
        """Starts to count.

        Args:
            kg_per_kwh: carbon intensity of the electricity in kg CO2 / kWh, in place of codecarbon's own mix.
            country: ISO code of three letters; told in reports, the intensity does not hang on it.
            scope: ``machine`` counts everything that runs on it, ``process`` this process's share of CPU and memory.
            cpu_watts: power of all processors at full load, in place of counters and of codecarbon's table.
            gpus: NVML indices of the GPUs to count; None leaves it to codecarbon (``CUDA_VISIBLE_DEVICES``, or all).

        Raises:
            CellmarkError: codecarbon cannot measure here.
        """
        set_logger_level("error")  # it says "multiple instances are allowed" before it looks at its own log_level
        self._latest = _Latest()
        options: dict[str, Any] = {"force_cpu_power": cpu_watts, "gpu_ids": None if gpus is None else list(gpus)}
        self._tracker = OfflineEmissionsTracker(
            country_iso_code=country,
            force_carbon_intensity_g_co2e_kwh=1000 * kg_per_kwh,
            tracking_mode=scope,
            measure_power_secs=NEVER,
            api_call_interval=-1,
            allow_multiple_runs=True,
            output_methods=[],
            output_handlers=[self._latest],
            emissions_endpoint=False,  # whatever a .codecarbon.config says: nothing is sent
            log_level="error",
            **{name: value for name, value in options.items() if value is not None},
        )
        self._spent = Spent()
        try:
            self._tracker.start()
            time.sleep(FRESH)
            self._tracker.flush()
            if self._latest.total is None:  # codecarbon logs exceptions and goes on
                raise CellmarkError("energy: codecarbon cannot measure here; train without it: callbacks.energy=null")
        except BaseException:
            self._tracker.stop()
            raise

    def read(self) -> Spent:
        """What was spent since the start; a measurement takes about a millisecond."""
        self._latest.total = None
        self._tracker.flush()
        return self._taken()

    def stop(self) -> Spent:
        """Reads for the last time and ends the background thread."""
        self._latest.total = None
        self._tracker.stop()
        return self._taken()

    def describe(self) -> dict[str, Any]:
        """How the power was measured, and the hardware, as plain values."""
        found = self._tracker.get_detected_hardware()
        return {
            "measured": {type(part).__name__.lower(): _method(part) for part in self._tracker._hardware},
            "hardware": {
                "cpu": found["cpu_model"],
                "cpu_threads": found["cpu_count"],
                "ram_gb": round(float(found["ram_total_size"]), 1),
                "gpu": found["gpu_model"] or None,
                "gpu_count": found["gpu_count"],
            },
        }

    def _taken(self) -> Spent:
        total = self._latest.total
        if total is None:
            log.warning("codecarbon gave no figures this time; the next reading covers this span, if there is one")
            return self._spent
        energies = (total.cpu_energy, total.gpu_energy, total.ram_energy, total.energy_consumed, total.emissions)
        self._spent = Spent(total.duration, *energies)
        return self._spent


def _method(part: Any) -> str:
    """In words, how codecarbon knows the power of a part; it tells only in the part's description."""
    told = str(part.description())
    if told.startswith("GPU"):
        return f"counters of the GPU driver ({told})"
    if told.startswith("RAM"):
        return "estimate from the size of the memory"
    if "Rapl" in told:
        return "energy counters of the processor (RAPL)"
    if "Cpu Load" in told:
        return f"estimate from load and an assumed {part._tdp:g} W at full load (no readable counters)"
    return f"codecarbon's {told}"


def nvml_indices(devices: Sequence[int]) -> list[int] | None:
    """NVML's numbers of CUDA devices; None, with a warning, where they cannot be told.

    Args:
        devices: CUDA's numbers, which count visible devices only and may be in another order.
    """
    wanted = {_bare(torch.cuda.get_device_properties(device).uuid) for device in devices}
    known = AllGPUDevices().get_gpu_static_info()
    found = [int(gpu["gpu_index"]) for gpu in known if _bare(gpu["uuid"]) in wanted]
    if len(found) == len(wanted):
        return found
    log.warning("energy: cannot tell which GPUs are used; those of CUDA_VISIBLE_DEVICES, or all, are counted")
    return None


def _bare(uuid: Any) -> str:
    return str(uuid).removeprefix("GPU-").lower()
