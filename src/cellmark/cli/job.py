"""One job: a verb with its composed config, as Hydra starts it here, in a sweep or on another machine."""

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape

from cellmark.allocation import keep_freed_memory
from cellmark.cli.configs import refuse_unknown_keys, register_resolvers
from cellmark.cli.resume import continued
from cellmark.errors import CellmarkError, FolderInUse, Interrupted
from cellmark.runs.folder import write_failure
from cellmark.runs.rank import is_first_process
from cellmark.runs.record import CONFIG, read_run

PATHS = ("input", "output_dir", "ckpt", "data.root", "weights.ckpt", "folds", "output", "calibration")
LONG = ("train", "crossval")  # verbs that answer Ctrl-C as SIGTERM, leaving a checkpoint
EXPECTED = (CellmarkError, InstantiationException, OSError)  # told in one line; others with a traceback

log = logging.getLogger(__name__)
register_resolvers()  # a job on another machine begins with importing this module
statuses: list[int] = []  # exit status of every job in this process
folders: list[Path] = []  # where they write, the last one last


def job(config: DictConfig) -> float | None:
    """Runs a verb, named by Hydra's config; a job that fails says so, leaves ``failure.json``, and ends no sweep.

    Returns:
        What a search is to optimise, of a training; None of anything else and of a job that failed.
    """
    hydra = HydraConfig.get()
    verb, folder = str(hydra.job.config_name), None
    if hydra.runtime.choices.get("paths") == "run":  # one folder a job, also within a sweep
        config.output_dir = hydra.runtime.output_dir
        folder = Path(config.output_dir)
        folders.append(folder)
    try:
        statuses.append(run_verb(verb, config, list(hydra.overrides.task)))
        sys.stdout.flush()
        _heed_interrupt()
        return _objective(folder, config) if verb == "train" and folder is not None else None
    except Exception as error:
        _heed_interrupt()
        if isinstance(error, BrokenPipeError) and verb not in LONG:  # whoever reads the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            statuses.append(128 + signal.SIGPIPE)
            return None
        statuses.append(1)
        _tell(verb, error)
        if folder is not None and _is_free(folder, error):
            write_failure(folder, error)
        return None


def run_verb(verb: str, config: DictConfig, overrides: list[str] | None = None) -> int:
    """Calls the verb's ``run`` with the keys of the composed config, and returns its exit status.

    Args:
        verb: its name.
        config: composed.
        overrides: the keys given on the command line, which a resumed training needs.

    Raises:
        CellmarkError: a key that the verb does not read, or one that it needs and does not get.
    """
    if verb == "train" and config.ckpt is not None:
        config = continued(config, overrides or [])
    refuse_unknown_keys(verb, config)
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise CellmarkError(f"needs {' '.join(f'{key}=...' for key in missing)}")
    resolved = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    for key in PATHS:  # a folder may be called 2024, which Hydra reads as a number
        if OmegaConf.select(resolved, key) is not None and not OmegaConf.is_config(OmegaConf.select(resolved, key)):
            OmegaConf.update(resolved, key, str(OmegaConf.select(resolved, key)))
    run: Callable[..., int | None] = import_module(f"cellmark.cli.{verb}").run
    quiet_libraries()
    if verb in LONG:  # they ask for the same sizes at every step; pictures to predict or read come in any size
        keep_freed_memory()
    return run(**{str(key): value for key, value in resolved.items()}) or 0


def quiet_libraries() -> None:
    """Leaves the warnings of Lightning and of the ONNX exporter, without their news and without saying them twice."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).handlers.clear()  # Hydra's handlers print its messages already
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("onnx_ir", "onnxscript"):
        logging.getLogger(name).setLevel(logging.WARNING)  # else Hydra prints what they do to every node
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty", UserWarning)  # of a resume
    # Lightning 2.6 asks torch for LeafSpec: Lightning-AI/pytorch-lightning issue 21326
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)


def interrupt(number: int, *_: object) -> None:
    """Ends a verb as an error does, so that what it began is cleared away or kept; once, as a second one would disturb.

    Raises:
        Interrupted: always.
    """
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    Interrupted.by = number
    raise Interrupted(128 + number)


def _heed_interrupt() -> None:
    if Interrupted.by is not None:
        raise Interrupted(128 + Interrupted.by)


def _objective(folder: Path, config: DictConfig) -> float | None:
    metrics = read_run(folder).metrics
    if config.objective not in metrics:
        log.error("objective=%s: no such metric; there are %s", config.objective, ", ".join(sorted(metrics)))
    return metrics.get(config.objective)


def _is_free(folder: Path, error: Exception) -> bool:
    """Whether the failure may be told in a folder: a run that has begun does it itself, and others keep theirs."""
    return is_first_process() and not isinstance(error, FolderInUse) and not (folder / CONFIG).exists()


def _tell(verb: str, error: Exception) -> None:
    """One line for what the user can mend, a traceback for what only a developer can."""
    if not isinstance(error, EXPECTED):
        traceback.print_exception(error)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]error:[/] {verb}: {escape(_told(error))}")


def _told(error: Exception) -> str:
    """The message; of the system's own errors, such as a full disk, the file and the reason."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) if isinstance(error, EXPECTED) else f"{type(error).__name__}: {error}"
