import pytest
from rich.console import Console

from cellmark.runs.fold_text import duration, fold_table, shown
from tests.runs.fold_runs import fold


def printed(folds, width=100):
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(fold_table(folds))
    return capture.get()


FOLDS = {
    "clean": fold({"val/mse": 0.25, "val/ap": 0.5, "val/ap/black": 0.125}),
    "[red]dirty[/]": fold({"val/mse": 0.75, "val/ap": 0.25}),
    "new": None,
    "broken": fold({}, "failed", error="CellmarkError: bad\nimage"),
}


def test_a_row_for_each_plain_metric():
    lines = printed(FOLDS).split("\n")
    rows = [line.strip("\u2502 ").split("\u2502") for line in lines if "val/" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["val/ap", "0.3750", "0.1768", "2", "0.2500", "[red]dirty[/]"],
        ["val/mse", "0.5000", "0.3536", "2", "0.7500", "[red]dirty[/]"],
    ]


def test_it_says_what_is_missing_and_what_it_cost():
    text = printed(FOLDS)
    assert "2 of 4 folds finished" in text and "new: not started" in text
    assert "broken: failed after 4 epochs: CellmarkError: bad image" in text
    assert "In all: 31.5 s, 6.00 Wh, 3.00 g CO2." in text


@pytest.mark.parametrize("count", [3, 15])
def test_more_folds_make_it_no_wider(count):
    folds = {f"{index}_a_folder_with_a_long_name": fold({"val/cell_precision_50": 0.5}) for index in range(count)}
    lines = printed(folds, width=100).split("\n")
    assert any("0_a_folder_with_a_long_name" in line for line in lines)  # not folded


def test_nothing_finished():
    assert "0 of 1 folds finished" in printed({"a": None}) and "a: not started" in printed({"a": None})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0.0000"),
        (0.91234567, "0.9123"),
        (-0.5, "-0.5000"),
        (0.00123456, "0.00123"),
        (1.23456e-7, "1.23e-07"),
        (999.5, "999.5000"),
        (1234.5678, "1234.57"),
    ],
)
def test_numbers(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.97, "60.0 s"),
        (60, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
