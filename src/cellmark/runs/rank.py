"""Whether this process is the first one of a training, which alone writes files; known before anything is built."""

import os

VARIABLES = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")  # set by torchrun, by Slurm, and for our own processes


def is_first_process() -> bool:
    """False in any further process of a training."""
    return all(os.environ.get(name, "0") == "0" for name in VARIABLES)
