"""The page that ``scripts/results.py`` writes: a table, the curves, and a picture of every training."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from matplotlib.figure import Figure

from cellmark.files import write_bytes

REMARKS = "## What the figures say\n"  # what follows it was written by a person, and stays
WIDTH = 1100  # pixels of a picture on the page
METRICS = {
    "ap": "AP",
    "pck": "PCK",
    "cell_f1_50": "F1 at 0.5 pitch",
    "cell_f1_25": "F1 at 0.25",
    "loc_error_pitch": "error, pitches",
    "mse": "MSE",
}


@dataclass(frozen=True)
class Result:
    """One finished training.

    Attributes:
        name: of the experiment.
        run: its folder; ``evaluate`` in it holds the evaluation of its best weights.
        command: that trained it.
        summary: of the training.
    """

    name: str
    run: Path
    command: Sequence[str]
    summary: Mapping[str, Any]

    def metrics(self) -> dict[str, float | None]:
        """Of the best weights on the held-out folder."""
        content = json.loads((self.run / "evaluate/summary.json").read_text())
        return {key.removeprefix("test/"): value for key, value in content["metrics"].items()}

    def curve(self, metric: str) -> tuple[list[float], list[float]]:
        """Minutes of training and the validation metric then."""
        with (self.run / "metrics.csv").open() as file:
            rows = [(int(row["step"]), row.get(f"val/{metric}", "")) for row in csv.DictReader(file)]
        points = [(step, float(value)) for step, value in rows if value]
        whole = max(step for step, _ in rows)
        return [step / whole * self.summary["fit_seconds"] / 60 for step, _ in points], [value for _, value in points]

    def steps(self) -> int:
        """Optimizer steps taken."""
        with (self.run / "metrics.csv").open() as file:
            return max(int(row["step"]) for row in csv.DictReader(file)) + 1


def write_page(docs: Path, results: Sequence[Result], command: str) -> None:
    """Writes ``results.md`` and, in the folder ``results`` beside it, its pictures."""
    page = docs / "results.md"
    remarks = page.read_text().partition(REMARKS)[2] if page.exists() else "\n"
    pictures = docs / "results"
    write_bytes(pictures / "curves.png", curves(results))
    for result in results:
        write_bytes(pictures / f"{result.name}.jpg", picture(result.run / "evaluate/predictions.png"))
    sections = [
        "# The report's four trainings, and the best one",
        f"All of this page above the last section is written by `{command}`: six folders of synthetic pictures, one "
        "held out, the same time for every training. Time, energy and CO2 are of the training alone; metrics are of "
        "the best weights on the held-out folder, which selects them as well.",
        "The report's trainings are those of `experiment=report_training1` to `4` but for what the commands below say: "
        "the size of the pictures, the width of the Gaussians that goes with it, no ImageNet weights, and a time "
        "instead of 80 epochs.",
        table(results),
        ranking(results),
        "![Curves of validation against time](results/curves.png)",
        "## Commands",
        "\n".join(f"    {' '.join(result.command)}\n" for result in results),
        "## Pictures",
        "Picture, truth (red: black cells, blue: white cells), prediction, heatmaps.",
        *(f"### {result.name}\n\n![Predictions of {result.name}](results/{result.name}.jpg)" for result in results),
        REMARKS.rstrip(),
    ]
    write_bytes(page, ("\n\n".join(sections) + "\n" + remarks).encode())


def table(results: Sequence[Result]) -> str:
    """Markdown: a row for each training."""
    columns = ["training", "images", "steps", *METRICS.values(), "minutes", "Wh", "g CO2"]
    rows = [columns, ["---"] + ["---:"] * (len(columns) - 1)]
    for result in results:
        values, summary = result.metrics(), result.summary
        figures = [f"{value:.4f}" if (value := values[key]) is not None else "" for key in METRICS]
        costs = [f"{summary['fit_seconds'] / 60:.1f}", f"{1e3 * summary['kwh']:.2f}", f"{1e3 * summary['kg_co2']:.2f}"]
        rows.append(
            [f"`{result.name}`", str(summary["counts"]["images"]["train"]), str(result.steps()), *figures, *costs]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def ranking(results: Sequence[Result]) -> str:
    """The order of the trainings by AP and by F1."""
    lines = []
    for key in ("ap", "cell_f1_50"):
        values = {result.name: result.metrics()[key] or 0.0 for result in results}
        best, *others = sorted(values, key=lambda name: values[name], reverse=True)
        order, last = best, best
        for name in others:
            order, last = f"{order} {'>' if values[last] > values[name] else '='} {name}", name
        lines.append(f"By {METRICS[key]}: {order}.")
    return "\n\n".join(lines)


def curves(results: Sequence[Result]) -> bytes:
    """PNG: AP and F1 on the held-out folder against minutes of training."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), ("cell_f1_50", "ap"), strict=True):
        for result in results:
            axes.plot(*result.curve(key), label=result.name, marker=".")
        axes.set(
            xlabel="minutes of training", ylabel=METRICS[key], ylim=(0, 1), title=f"{METRICS[key]}, held-out folder"
        )
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    return buffer.getvalue()


def picture(path: Path) -> bytes:
    """JPEG of a sheet, shrunk to the width of the page."""
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(path)
    height, width = image.shape[:2]
    small = cv2.resize(image, (WIDTH, round(height * WIDTH / width)), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
