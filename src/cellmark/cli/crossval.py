"""``cellmark crossval``: one training for each fold, as jobs of Hydra's launcher, and their results together."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from cellmark.cli.jobs import launch, quoted
from cellmark.cli.printing import print_line, print_wide
from cellmark.cli.resume import LAST
from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.folds import find_folder
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes
from cellmark.runs.fold_plan import FILE, FoldPlan, leave_one_out, read_plan
from cellmark.runs.fold_report import write_fold_report
from cellmark.runs.fold_text import fold_table
from cellmark.runs.folder import alone_in
from cellmark.runs.record import CONFIG, FAILURE, Run, is_run, read_run

OWN = ("folds", "output_dir", "ckpt")  # keys that are not for the trainings
# What may be another when a cross-validation goes on: no result depends on it. The folds would not compare otherwise.
CHANGEABLE = ("data.root=", "data.num_workers=", "trainer.accelerator=", "callbacks.progress", "logger.", "launcher=")

log = logging.getLogger(__name__)


def run(*, data: dict[str, Any], output_dir: str, folds: str | None, ckpt: str | None, **_: Any) -> int:
    """Runs the verb with the keys of ``conf/crossval.yaml``; those of trainings go on to them as they were given.

    Raises:
        CellmarkError: a key that the folds themselves say, a folder of another cross-validation, or no folds.
    """
    folder = Path(output_dir)
    given = list(HydraConfig.get().overrides.task)
    wanted = [override for override in given if override.lstrip("+~").partition("=")[0] not in OWN]
    said = [key for key in ("val_folder", "train_folders") if data[key] is not None]
    if said or ckpt is not None:
        keys = [f"data.{key}" for key in said] + (["ckpt"] if ckpt is not None else [])
        raise CellmarkError(f"{', '.join(keys)}: that is for each fold to say; leave it out")
    with alone_in(folder):
        plan = _plan(folder, OmegaConf.create(data), folds, wanted)
        (folder / FAILURE).unlink(missing_ok=True)  # of an earlier attempt that did not get as far as here
        runs = _train(folder, plan, wanted)
    print_wide(fold_table(runs))
    for name in ("report.md", "report.png", "folds.csv", "summary.json"):
        print_line(f"{folder / name}")
    return int(any(run is None or run.state != "finished" for run in runs.values()))


def _train(folder: Path, plan: FoldPlan, wanted: Sequence[str]) -> dict[str, Run | None]:
    """Trains every fold that is missing; writes the report each time that some have ended, however they did."""
    names = list(plan.folds)
    left = [name for name in names if not _finished(folder, name)]
    if len(left) < len(names):
        log.info("finished before: %s", ", ".join(name for name in names if name not in left))
    try:
        for batch in _batches(left):
            log.info("fold %s", ", ".join(f"{name} ({names.index(name) + 1} of {len(names)})" for name in batch))
            try:
                launch("train", [_overrides(folder, plan, name, wanted) for name in batch])
            finally:
                configure_log(cast(DictConfig, HydraConfig.get().job_logging))  # each job has set up its own
            _report(folder, names)
    finally:
        runs = _report(folder, names)
    return runs


def _plan(folder: Path, data: DictConfig, folds: str | None, wanted: Sequence[str]) -> FoldPlan:
    """The folds; those of a cross-validation that goes on are the ones that it began with."""
    path = folder / FILE
    if path.exists():
        begun = read_plan(path)
        begun.refuse_other_settings(_lasting(wanted), path)
        if folds is not None and read_plan(Path(folds)).folds != begun.folds:
            raise CellmarkError(f"{path}: this cross-validation began with other folds than those of {folds}")
        return begun
    plan = _new_plan(data, folds, wanted)
    write_bytes(path, plan.text().encode())
    return plan


def _new_plan(data: DictConfig, folds: str | None, wanted: Sequence[str]) -> FoldPlan:
    """The folds of a file, or every folder left out once; checked against the data."""
    datamodule: FoldersDataModule = instantiate(data, test_folder=None)
    datamodule.setup("test")
    found = [folder for folder in datamodule.folders["test"] if folder.images]
    if folds is not None:
        plan = FoldPlan(read_plan(Path(folds)).folds, _lasting(wanted))
    else:
        test = None if data.test_folder is None else find_folder(found, data.test_folder, "data.test_folder").name
        plan = leave_one_out([folder.name for folder in found], test, _lasting(wanted))
    plan.refuse_unknown_folders([folder.name for folder in found], str(folds or data.root))
    return plan


def _lasting(wanted: Sequence[str]) -> tuple[str, ...]:
    """The settings that a cross-validation keeps when it goes on."""
    return tuple(override for override in wanted if not override.lstrip("+~").startswith(CHANGEABLE))


def _batches(names: Sequence[str]) -> list[list[str]]:
    """Which folds are started together: one after another here, as many as the launcher may have elsewhere."""
    hydra = HydraConfig.get()
    size = (
        1 if hydra.runtime.choices["hydra/launcher"] == "basic" else hydra.sweeper.get("max_batch_size") or len(names)
    )
    return [list(names[start : start + size]) for start in range(0, len(names), size)]


def _overrides(folder: Path, plan: FoldPlan, name: str, wanted: Sequence[str]) -> list[str]:
    """What Hydra is given for the job of a fold; one that has begun goes on."""
    fold, own = plan.folds[name], folder / "folds" / name
    said = {"val_folder": fold.val_folder, "train_folders": list(fold.train_folders), "test_folder": fold.test_folder}
    return [
        *(override for override in wanted if not override.startswith("data.test_folder=")),
        *(f"data.{key}={quoted(value)}" for key, value in said.items()),
        f"output_dir={quoted(str(folder))}",
        f"hydra.sweep.subdir={quoted(str(own.relative_to(folder)))}",
        *([f"ckpt={LAST}"] if (own / CONFIG).exists() else []),
    ]


def _finished(folder: Path, name: str) -> bool:
    run = _run(folder, name)
    return run is not None and run.state == "finished"


def _run(folder: Path, name: str) -> Run | None:
    own = folder / "folds" / name
    return read_run(own) if own.is_dir() and is_run(own) else None


def _report(folder: Path, names: Sequence[str]) -> dict[str, Run | None]:
    runs = {name: _run(folder, name) for name in names}
    write_fold_report(folder, runs)
    return runs
