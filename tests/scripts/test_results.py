"""The script that runs the report's trainings: its commands, and the page it writes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import results
import results_page
from cellmark.cli.configs import refuse_unknown_keys
from cellmark.files import write_image, write_json
from tests.cli.test_main import composed

SETTING = results.Setting(Path("folder"), size=128, images=88, epochs=3, every=100)


@pytest.mark.parametrize(("name", "kind"), results.EXPERIMENTS.items())
def test_every_command_is_one_that_train_understands(name, kind):
    command = results.train_command(SETTING, name, kind, None if name == "best" else 3723.4)
    assert command[:2] == ["cellmark", "train"]
    config = composed("train", *command[2:])
    refuse_unknown_keys("train", config)
    assert config.name == name and config.data.root == f"folder/data_{kind}"
    assert config.trainer.max_time == (None if name == "best" else "00:01:02:03")
    assert config.trainer.max_epochs == (3 if name == "best" else -1)


def finished(folder, name, ap):
    """A run folder as training and evaluation leave it."""
    run = folder / name
    metrics = {f"test/{key}": ap for key in results_page.METRICS} | {"test/pck": None}
    write_json(run / "evaluate/summary.json", {"metrics": metrics})
    write_image(run / "evaluate/predictions.png", np.full((60, 90, 3), 200, np.uint8))
    lines = ["step,train/loss,val/ap,val/cell_f1_50", "9,0.5,,", "99,,0.25,0.125", f"199,,{ap},0.5"]
    (run / "metrics.csv").write_text("\n".join(lines) + "\n")
    summary = {"fit_seconds": 120.0, "kwh": 0.005, "kg_co2": 0.00055, "counts": {"images": {"train": 440}}}
    return results_page.Result(name, run, ["cellmark", "train", f"experiment={name}"], summary)


def test_the_page_tells_every_training_and_keeps_what_a_person_wrote(tmp_path):
    runs = [finished(tmp_path, "best", 0.75), finished(tmp_path, "report_training1", 0.9)]
    assert runs[0].curve("ap") == ([pytest.approx(99 / 199 * 2), 2.0], [0.25, 0.75])
    docs = tmp_path / "docs"
    results_page.write_page(docs, runs, "python scripts/results.py")
    page = docs / "results.md"
    assert "| `best` | 440 | 200 | 0.7500 |  | 0.7500 |" in page.read_text()
    assert "| 2.0 | 5.00 | 0.55 |" in page.read_text()
    assert "By AP: report_training1 > best." in page.read_text()
    assert "By AP: best = report_training1." in results_page.ranking(
        [finished(tmp_path / "tie", runs[0].name, 0.9), runs[1]]
    )
    assert "    cellmark train experiment=best\n" in page.read_text()
    for name in ("curves.png", "best.jpg", "report_training1.jpg"):
        assert f"(results/{name})" in page.read_text() and cv2.imread(str(docs / "results" / name)) is not None
    page.write_text(page.read_text() + "A remark.\n")
    results_page.write_page(docs, runs, "again")
    assert page.read_text().endswith("## What the figures say\n\nA remark.\n") and "by `again`" in page.read_text()


def test_an_unfinished_training_is_told(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text(json.dumps({}))
    with pytest.raises(SystemExit, match="not finished; remove it"):
        results.call(["cellmark", "train"], tmp_path / "run/summary.json")
