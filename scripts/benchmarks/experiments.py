"""Experiments on synthetic pictures, as ``cellmark train`` builds them, with a look inside."""

from collections.abc import Sequence
from pathlib import Path

import lightning as L
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig

from cellmark.allocation import keep_freed_memory
from cellmark.callbacks.resumption import FitRecord
from cellmark.cli.assembly import build_task, build_trainer
from cellmark.cli.configs import config_folder, register_resolvers
from cellmark.cli.job import quiet_libraries
from cellmark.data.datamodule import FoldersDataModule
from cellmark.data.generate.dataset import Parameters, write
from cellmark.data.generate.scenes import CONDITIONS
from cellmark.progress import progress_bar
from cellmark.tasks.cells import CellTask

SEED, SEVERITY = 0, (0.0, 1.0)


def synthetic(root: Path, size: int, images: int) -> None:
    """Writes so many pictures of each condition, of ``size`` pixels a side."""
    with progress_bar() as update:
        for done, _ in enumerate(write(root, Parameters(images, size, SEED, SEVERITY)), 1):
            update("drawing pictures", done, images * len(CONDITIONS))


def composed(folder: Path, *overrides: str) -> DictConfig:
    """The config of ``cellmark train`` with these keys, for a run in ``folder``."""
    register_resolvers()
    with initialize_config_dir(str(config_folder()), job_name="train", version_base="1.3"):
        return compose("train", [f"output_dir={folder}", *overrides])


def build(config: DictConfig) -> tuple[CellTask, FoldersDataModule]:
    """Task and data as a training has them; no pretrained weights are fetched, which change no time."""
    L.seed_everything(config.seed, verbose=False)
    datamodule: FoldersDataModule = instantiate(config.data)
    datamodule.setup("fit")
    return build_task(config, datamodule, downloads=False), datamodule


def fit(config: DictConfig, first: Sequence[L.Callback] = (), profiler: Profiler | None = None) -> L.Trainer:
    """Trains with all callbacks and loggers of the config, in a process that is set up as that of the verb.

    Args:
        config: of the run.
        first: further callbacks, called before all others.
        profiler: told of every stage.
    """
    quiet_libraries()
    keep_freed_memory()
    task, datamodule = build(config)
    folder = Path(config.output_dir)
    (folder / "checkpoints").mkdir(parents=True)
    trainer = build_trainer(config, folder, FitRecord())
    trainer.callbacks[:0] = first  # type: ignore[attr-defined]
    if profiler is not None:
        trainer.profiler = profiler  # type: ignore[attr-defined]
    trainer.fit(task, datamodule=datamodule)
    return trainer
