"""TensorBoard, arranged for the review of a run and of many: ``tensorboard --logdir FOLDER``."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.tensorboard import summary

from cellmark.loggers.hyperparameters import Scalar, hyperparameters
from cellmark.metrics.direction import SPLITS

HEADLINE = ("mse", "cell_f1_50", "cell_f1_25", "ap", "loc_error_pitch")


class ReviewLogger(TensorBoardLogger):
    """Lightning's, with sections that a person can find their way in, the config, and a row in the table of runs.

    Tags are other names of the metrics, see ``tag_of``: TensorBoard makes a section of all tags with the same
    word before the first slash. The step is that of ``metrics.csv``: optimizer steps, counted from 0.

    Whoever trains calls ``log_config`` before the fit and ``log_final`` at the end. A run that fails or is killed keeps
    its row in the table (HPARAMS), without final metrics; it shows all that it logged, as every step is on disk at
    once.
    """

    def __init__(
        self,
        save_dir: str,
        classes: Sequence[str],
        headline: Sequence[str] = HEADLINE,
        purge_step: int | None = None,
        flush_secs: int = 10,
    ) -> None:
        """Takes the settings; nothing is written yet.

        Args:
            save_dir: the run folder; events go into its folder ``tensorboard``.
            classes: name of each class, which tells the metrics of a class from those of a folder.
            headline: metrics of the validation that come first in the table of runs; TensorBoard shows five at first.
            purge_step: a resumed run goes on with this step: what was logged for it and after it is hidden.
            flush_secs: pictures and the like are on disk after so many seconds at the latest.
        """
        self.first_step = purge_step or 0
        super().__init__(
            save_dir,
            name="tensorboard",
            version="",
            default_hp_metric=False,
            purge_step=self.first_step,  # of a new run too: TensorBoard takes the first such mark for the beginning
            flush_secs=flush_secs,
        )
        self.classes, self.headline = list(classes), list(headline)
        self._fitted = False
        self._told_epoch: int | None = None  # the last step whose epoch was logged

    @rank_zero_only
    def log_config(self, config: DictConfig) -> None:
        """Writes the config as text, and the run's row into the table.

        Group choices and the command line are read from ``.hydra`` in the run folder, where Hydra left them. A resumed
        run adds its config to the text; its row stays as it began.
        """
        text = OmegaConf.to_yaml(config, resolve=True)
        self.experiment.add_text("config", f"```yaml\n{text}```", global_step=self.first_step)
        content = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
        _, start, _ = _summaries(hyperparameters(content, *_composed_from(Path(self.save_dir))))
        # Without an "experiment" summary, which torch would write too: TensorBoard takes the first that it finds for
        # all runs. Where there is none it gathers the columns from every run, and shows those that differ first.
        self.experiment._get_file_writer().add_summary(start, self.first_step)
        self.experiment.flush()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Tensor | float], step: int | None = None) -> None:
        """Logs values under their tags.

        What comes after the fit, when the best weights are measured, belongs to no step: ``log_final`` logs it.
        """
        if self._fitted:
            return
        values = {tag_of(name, self.classes): float(value) for name, value in metrics.items()}
        epoch = tag_of("epoch", self.classes)
        if epoch in values and step == self._told_epoch:  # Lightning adds it to each of several calls for one step
            del values[epoch]
        elif epoch in values:
            self._told_epoch = step
        super().log_metrics(values, step)

    @rank_zero_only
    def log_final(self, metrics: Mapping[str, float], step: int) -> None:
        """Ends the run's row with its final metrics; those that are not finite are left out.

        Args:
            metrics: by name, as in ``summary.json``.
            step: optimizer steps of the run.
        """
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
        for name, value in finite.items():
            self.experiment.add_scalar(final_tag_of(name, self.classes, self.headline), value, global_step=step)
        _, _, end = _summaries({})
        self.experiment._get_file_writer().add_summary(end, step)
        self.experiment.close()

    @rank_zero_only
    def save(self) -> None:
        """Puts everything on disk, as Lightning wants it after each step; the config has a file of its own."""
        if self._experiment is not None:
            self.experiment.flush()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Closes the file at the end of the fit, and of what comes after it."""
        super().finalize(status)
        self._fitted = True


def tag_of(name: str, classes: Sequence[str]) -> str:
    """The tag of a metric: its section in TensorBoard, then the rest.

    Sections are ``loss`` (each term, training and validation side by side), ``train``, ``val`` (over everything),
    ``val_by_class`` and ``val_by_folder``, and the same for ``test``.

    Args:
        name: as it was logged: ``val/mse``, ``val/mse/FOLDER``, ``train/loss_focal``, ``lr-AdamW``,
            ``lr-AdamW/pg1``.
        classes: name of each class.
    """
    split, slash, rest = name.partition("/")
    if not slash or split not in SPLITS:
        return f"train/{name}"  # the epoch, and the learning rate of each group of parameters
    if rest == "loss" or rest.startswith("loss_"):
        term = rest.removeprefix("loss").removeprefix("_")
        over = {"": split, "epoch": split, "step": f"{split}_step"}
        return f"loss/total/{over[term]}" if term in over else f"loss/{term}/{split}"
    metric, slash, group = rest.partition("/")
    if not slash:
        return name
    return f"{split}_by_{'class' if group in classes else 'folder'}/{metric}/{group}"


def final_tag_of(name: str, classes: Sequence[str], headline: Sequence[str]) -> str:
    """The tag of a final metric: ``best/...`` for the headline, ``summary_...`` for all others.

    TensorBoard sorts the columns of its table by tag, and shows the first five of them.
    """
    split, _, metric = name.partition("/")
    return f"best/{name}" if split == "val" and metric in headline else f"summary_{tag_of(name, classes)}"


def _summaries(values: Mapping[str, Scalar]) -> Any:
    """What TensorBoard makes its table from: the experiment, the start and the end of a run."""
    make: Any = summary.hparams  # not typed
    return make(dict(values), {})


def _composed_from(folder: Path) -> tuple[dict[str, str | None], list[str]]:
    """Group choices and command line of a run that Hydra started; of any other nothing."""
    path = folder / ".hydra/hydra.yaml"
    if not path.is_file():
        return {}, []
    hydra = yaml.safe_load(path.read_text())["hydra"]
    return hydra["runtime"]["choices"], hydra["overrides"]["task"]
