"""Runs the best experiment and the report's four trainings on synthetic folders, and writes ``docs/results.md``.

Every training gets the time that ``experiment=best`` took. Data and trainings that are finished already are used again;
``--folder`` names another place to start anew.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from results_page import Result, write_page

HELD_OUT = "6_dirty_blurred"
SEED = 1
EXPERIMENTS = {  # which data each is trained on
    "best": "plain",
    "report_training1": "plain",
    "report_training2": "all",
    "report_training3": "warps",
    "report_training4": "warps",
}


@dataclass(frozen=True)
class Setting:
    """What all trainings share.

    Attributes:
        folder: where data and runs go.
        size: side of the pictures and of the network's input, pixels.
        images: pictures in each of the six folders.
        epochs: of ``experiment=best``; its time is everybody's.
        every: steps between validations.
    """

    folder: Path
    size: int
    images: int
    epochs: int
    every: int

    def data(self, kind: str) -> Path:
        """The folder of folders of that kind."""
        return self.folder / f"data_{kind}"


def main() -> None:
    """Reads the arguments, runs what is missing and writes the page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=Path("outputs/results"))
    arguments.add_argument("--size", type=int, default=128, help="side of the pictures, pixels")
    arguments.add_argument("--images", type=int, default=88, help="pictures in each folder; the report has 88")
    arguments.add_argument("--epochs", type=int, default=40, help="of experiment=best; the others get its time")
    arguments.add_argument("--every", type=int, default=100, help="steps between validations")
    arguments.add_argument("--docs", type=Path, default=Path("docs"), help="where the page goes")
    options = arguments.parse_args()
    setting = Setting(options.folder, options.size, options.images, options.epochs, options.every)
    make_data(setting)
    results, seconds = [], None
    for name, kind in EXPERIMENTS.items():
        command = train_command(setting, name, kind, seconds)
        run = setting.folder / name
        call(command, run / "summary.json")
        call(evaluate_command(setting, run), run / "evaluate/summary.json")
        summary = json.loads((run / "summary.json").read_text())
        seconds = seconds or summary["fit_seconds"]
        results.append(Result(name, run, command, summary))
    write_page(options.docs, results, f"python scripts/results.py {' '.join(sys.argv[1:])}".strip())


def make_data(setting: Setting) -> None:
    """The synthetic folders, and beside them the report's two offline sets."""
    plain = setting.data("plain")
    settings = [f"output_dir={plain}", f"images_per_folder={setting.images}", f"size={setting.size}", f"seed={SEED}"]
    call(["cellmark", "dataset_synth", *settings], plain)
    trained_on = [path.name for path in sorted(plain.iterdir()) if path.is_dir() and path.name != HELD_OUT]
    for kind in ("warps", "all"):
        warps = [f"output_dir={setting.data(kind)}", f"variants={kind}", f"folders=[{','.join(trained_on)}]"]
        call(["cellmark", "dataset_warp", f"data.root={plain}", *warps, f"seed={SEED}"], setting.data(kind))


def train_command(setting: Setting, name: str, kind: str, seconds: float | None) -> list[str]:
    """The command of one training: ``seconds`` long, or where that is None as many epochs as the setting says.

    The report's sigma of 2 px is for 512 px. Scaled with a smaller picture it would be less than pixels can show, so it
    stays at 0.8 px at least, the least width of the codec by default. Validation comes by the number of
    steps: with sets of such different sizes, epochs are no common measure.
    """
    side = setting.size
    command = [
        "cellmark",
        "train",
        f"experiment={name}",
        f"data.root={setting.data(kind)}",
        f"data.val_folder={HELD_OUT}",
    ]
    command += [f"data.size=[{side},{side}]", f"seed={SEED}", f"output_dir={setting.folder / name}"]
    command += ["trainer.check_val_every_n_epoch=null", f"trainer.val_check_interval={setting.every}"]
    if seconds is None:
        return [*command, f"trainer.max_epochs={setting.epochs}"]
    rest = round(seconds)
    time = f"00:{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return [
        *command,
        f"task.codec.sigma={max(0.8, 2 * side / 512):g}",
        "backbone.pretrained=false",
        "trainer.max_epochs=-1",
        f"trainer.max_time={time}",
    ]


def evaluate_command(setting: Setting, run: Path) -> list[str]:
    """Measures the best weights of a run on the held-out folder and draws its pictures."""
    data = [f"data.root={setting.data('plain')}", f"data.test_folder={HELD_OUT}", "pictures=3"]
    return ["cellmark", "evaluate", f"ckpt={run}/checkpoints/best.ckpt", *data, f"output_dir={run}/evaluate"]


def call(command: list[str], made: Path) -> None:
    """Runs a verb unless what it makes is there already; ends the script where it fails."""
    if made.exists():
        return
    if made.parent.is_dir() and any(made.parent.iterdir()) and made.suffix == ".json":
        sys.exit(f"{made.parent}: not finished; remove it and start again")
    print("+", *command, flush=True)
    subprocess.run([sys.executable, "-m", "cellmark.cli.main", *command[1:]], check=True)


if __name__ == "__main__":
    main()
