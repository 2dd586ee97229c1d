"""What happens around a run and a sweep, in the process that the user started."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from yaml import YAMLError

from cellmark.cli.inputs import PREDICTIONS
from cellmark.cli.job import statuses
from cellmark.cli.resume import LAST
from cellmark.errors import FolderInUse
from cellmark.files import write_bytes
from cellmark.runs.folder import alone_in
from cellmark.runs.rank import is_first_process
from cellmark.runs.record import CONFIG, FAILURE, SUMMARY, is_run

SWEEP = "multirun.yaml"  # what was asked for


class RunFolder(Callback):
    """Keeps Hydra from writing into the folder of an earlier run, and counts the jobs of a sweep that failed."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called before anything is written; Hydra turns exceptions into warnings, but not SystemExit."""
        folder, verb = Path(str(config.output_dir)), config.hydra.job.config_name
        if is_first_process():
            _refuse_unwritable(folder)
            if verb == "crossval" and folder.is_dir() and (is_run(folder) or (folder / SWEEP).exists()):
                _refuse(folder, "a run or a sweep, and no cross-validation")
            if verb == "train" and config.ckpt not in (None, LAST):
                _tell(f"ckpt={config.ckpt}: a run goes on with ckpt=last; weights.ckpt=FILE begins a new one")
                sys.exit(1)
            if verb == "train" and config.ckpt == LAST:
                _check_resumable(folder)
            elif _is_used(folder) and verb != "crossval" and not (verb == "predict" and _goes_on_predicting(folder)):
                _refuse(folder, "a run")
        if config.hydra.runtime.choices.get("launcher"):
            choice = config.hydra.runtime.choices.launcher
            if verb == "train":
                _tell(f"launcher={choice} starts the jobs of a sweep: add -m")
                sys.exit(1)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """As ``on_run_start``, for a sweep."""
        for name in ("alembic", "optuna.study"):  # libraries of a search, which tell of themselves
            logging.getLogger(name).setLevel(logging.WARNING)
        folder = Path(str(config.hydra.sweep.dir))
        if (folder / ".hydra").exists() or any(folder.glob("*/.hydra")):
            _refuse(folder, "a run or a sweep")
        _refuse_unwritable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / SWEEP, OmegaConf.to_yaml(config).encode())  # Optuna's sweeper does not

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Counts failures, of jobs on other machines too."""
        folder = Path(str(config.hydra.sweep.dir))
        jobs = sorted((path.parent for path in folder.glob("*/.hydra")), key=lambda path: (len(path.name), path.name))
        failed = [path.name for path in jobs if _failed(path, config.hydra.job.config_name)]
        if failed:
            statuses.append(1)
            _tell(f"{len(failed)} of {len(jobs)} jobs of {folder} failed: {', '.join(failed)}")
        if config.hydra.job.config_name == "train":
            print(f"side by side: cellmark compare input={folder}")


def _failed(folder: Path, verb: str) -> bool:
    """Whether a job failed, or its process was killed, and it could not say so."""
    return (folder / FAILURE).exists() or (verb == "train" and not (folder / SUMMARY).exists())


def _refuse_unwritable(folder: Path) -> None:
    """Hydra writes first, and would answer with a traceback."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        reason = "it may only be read" if there.is_dir() else "it is no folder"
        _tell(f"output_dir={folder}: nothing can be written to {there}: {reason}")
        sys.exit(1)


def _is_used(folder: Path) -> bool:
    return any((folder / name).exists() for name in (".hydra/config.yaml", CONFIG))


def _goes_on_predicting(folder: Path) -> bool:
    """Whether the folder was begun by a prediction that the same command goes on with."""
    try:
        begun = OmegaConf.select(OmegaConf.load(folder / ".hydra/hydra.yaml"), "hydra.job.config_name")
    except (OSError, YAMLError):  # not one that a killed process was still writing
        return False
    return begun == "predict" and not (folder / PREDICTIONS).exists()


def _check_resumable(folder: Path) -> None:
    """A resume that cannot be leaves a folder as it is, and makes none."""
    if not (folder / CONFIG).exists():
        _tell(f"{folder}: no run to go on with; name its folder with output_dir=")
        sys.exit(1)
    try:
        with alone_in(folder):
            pass
    except FolderInUse as error:
        _tell(str(error))
        sys.exit(1)


def _refuse(folder: Path, what: str) -> None:
    _tell(f"{folder}: already holds {what}; nothing is overwritten, name another output_dir")
    sys.exit(1)


def _tell(text: str) -> None:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(f"error: {text}")
