"""The device that a person asks for."""

import torch

from cellmark.errors import CellmarkError
from cellmark.models.network import MapNetwork


def choose_device(name: str, network: MapNetwork | None = None) -> torch.device:
    """The device of that name.

    Args:
        name: ``cpu``, ``cuda``, ... or ``auto``: a GPU where there is one, and the network can run there.
        network: that is to run there, if any.

    Raises:
        CellmarkError: no such device, or the network cannot run there.
    """
    on_gpu = network is None or network.on_gpu
    found = ("cuda" if on_gpu and torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        device = torch.zeros(1, device=found).device
    except (RuntimeError, AssertionError) as error:  # no such device, or torch built without it
        raise CellmarkError(f"device={name}: {str(error).splitlines()[0]}") from error
    if device.type != "cpu" and not on_gpu:
        raise CellmarkError(f"device={name}: an ONNX file runs on the CPU only")
    return device
