"""``cellmark evaluate``: a checkpoint on folders, every metric by folder and class, and pictures."""

import time
from pathlib import Path

import lightning as L
import numpy as np
from hydra.utils import instantiate
from lightning.pytorch.callbacks import RichProgressBar
from omegaconf import DictConfig

from cellmark.cli.checks import whole
from cellmark.cli.printing import print_line
from cellmark.cli.results import print_metrics
from cellmark.data.datamodule import FoldersDataModule, lost_loaders_told
from cellmark.data.dataset import CellDataset
from cellmark.data.selection import evenly
from cellmark.errors import CellmarkError
from cellmark.files import write_image, write_json
from cellmark.runs.summary import summary
from cellmark.tasks.cells import CellTask
from cellmark.tasks.checkpoint import Model
from cellmark.tasks.loading import load_model
from cellmark.tasks.predictor import Predictor
from cellmark.viz.prediction_sheet import PredictionRow, prediction_sheet

PICTURE = 384  # pixels, side of a picture on the sheet


def evaluate(
    ckpt: str, data: DictConfig, trainer: DictConfig, metrics: DictConfig, seed: int = 1
) -> tuple[dict[str, float], Model, FoldersDataModule]:
    """Tests a checkpoint on one folder of ``data.root``, or on all of them.

    Returns:
        The metrics by name, the model, and the data module that served it.

    Raises:
        CellmarkError: several devices are asked for.
    """
    L.seed_everything(seed, workers=True, verbose=False)
    model = load_model(ckpt)
    datamodule = FoldersDataModule(
        **{str(key): value for key, value in data.items()},
        classes=model.classes,
        size=model.size,
        visibility_to_class=model.visibility_to_class,
    )
    task = CellTask(model.network, model.codec, model.classes, instantiate(metrics))
    progress = RichProgressBar()
    tester: L.Trainer = instantiate(trainer, logger=False, callbacks=[progress], enable_checkpointing=False)
    if tester.world_size > 1:
        raise CellmarkError(f"evaluate works on one device, not on {tester.world_size}: trainer.devices=1")
    with lost_loaders_told():
        (values,) = tester.test(task, datamodule=datamodule, verbose=False)
    return {key: float(value) for key, value in values.items()}, model, datamodule


def run(
    *,
    ckpt: str,
    data: DictConfig,
    trainer: DictConfig,
    metrics: DictConfig,
    seed: int,
    pictures: int,
    output_dir: str,
) -> None:
    """Runs the verb with the keys of ``conf/evaluate.yaml``."""
    whole("pictures", pictures, 0)
    started, folder = time.perf_counter(), Path(output_dir)
    if (folder / "summary.json").exists():
        raise CellmarkError(f"{folder}: already holds an evaluation; name another output_dir")
    values, model, datamodule = evaluate(ckpt, data, trainer, metrics, seed)
    counts = {"images": sum(len(f.images) for f in datamodule.folders["test"])}
    sheet = folder / "predictions.png"
    write_image(sheet, _sheet(model, datamodule.dataset("test"), pictures))
    write_json(
        folder / "summary.json",
        summary(values, counts, time.perf_counter() - started) | {"checkpoint": ckpt},
    )
    print_metrics(values, title=f"{ckpt} on {', '.join(datamodule.folder_names('test'))}")
    print_line(f"metrics   {folder / 'summary.json'}")
    print_line(f"pictures  {sheet}")


def _sheet(model: Model, dataset: CellDataset, count: int) -> np.ndarray:
    """Picture, truth, prediction and heatmaps of some samples, evenly chosen, one row each."""
    predictor = Predictor(model)
    rows = []
    for index in evenly(range(len(dataset)), count):
        sample = dataset[0, index]
        (cells,) = predictor([sample.image])
        name = f"{sample.folder}/{sample.path.name}"
        found = cells.points, cells.labels, cells.heatmap
        rows.append(PredictionRow(sample.image, sample.points, sample.labels, *found, name))
    return prediction_sheet(rows, tile=PICTURE)
