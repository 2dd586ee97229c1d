from cellmark.cli.results import print_metrics
from cellmark.runs.summary import summary


def test_every_split_class_and_folder_is_printed(capsys):
    metrics = {"train/loss": 9.0, "val/mse": 0.1111, "val/cell_f1_50": 0.5, "val/cell_f1_50/black": 0.6}
    print_metrics(metrics | {"test/cell_f1_50": 0.1234, "test/cell_f1_50/[red]": 0.4321}, title="run [a]")
    printed = capsys.readouterr().out
    for text in ("run [a]", "0.1111", "0.5000", "0.6000", "0.1234", "0.4321", "[red]", "val", "test"):
        assert text in printed
    assert "9.0" not in printed


def test_what_could_not_be_measured_is_null():
    content = summary({"val/cell_f1_50": float("nan"), "val/mse": 0.5}, {"images": 3}, 1.234)
    assert content["metrics"] == {"val/cell_f1_50": None, "val/mse": 0.5}
    assert content["counts"] == {"images": 3} and content["seconds"] == 1.23
    assert {"torch", "cellmark", "python"} <= set(content["versions"])
