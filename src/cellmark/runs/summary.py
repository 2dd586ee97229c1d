"""``summary.json``: what a run came to, for programs."""

import math
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cellmark

LIBRARIES = ("torch", "torchvision", "lightning", "hydra-core", "timm", "albumentations")


def summary(metrics: Mapping[str, float], counts: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The content of ``summary.json``.

    Args:
        metrics: by name; what could not be measured (NaN) becomes null.
        counts: of images, parameters, whatever the run counts.
        seconds: wall-clock time of this command; ``fit_seconds`` of a training counts earlier attempts too.
    """
    return {
        "metrics": {key: value if math.isfinite(value) else None for key, value in sorted(metrics.items())},
        "counts": dict(counts),
        "seconds": round(seconds, 2),
        "git_revision": git_revision(),
        "versions": {
            "cellmark": cellmark.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
    }


def git_revision() -> str | None:
    """Commit of the checkout that the code runs from, with ``-dirty`` where it was changed; else None."""
    folder = Path(cellmark.__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (FileNotFoundError, subprocess.TimeoutExpired):  # no git here: an installed package
        return None
    return answer.stdout.strip() or None
