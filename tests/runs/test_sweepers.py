import pytest
from hydra import compose, initialize_config_dir

from cellmark.cli.configs import config_folder
from cellmark.errors import CellmarkError
from hydra_plugins import cellmark_sweepers
from hydra_plugins.cellmark_sweepers import check_direction


@pytest.mark.parametrize("objective", ["val/mse", "val/loss", "val/loc_error_px", "val/cell_f1_50", "test/ap"])
def test_a_search_for_the_worst_is_refused(objective):
    right, wrong = ("minimize", "maximize") if objective.startswith(("val/m", "val/lo")) else ("maximize", "minimize")
    check_direction(objective, right)
    with pytest.raises(
        CellmarkError, match=f"objective={objective} needs hydra.sweeper.direction={right}, not {wrong}"
    ):
        check_direction(objective, wrong)


def test_of_several_objectives_nothing_is_known():
    check_direction("val/mse", ["minimize", "maximize"])


def test_the_command_ends_with_one_line_before_anything_is_written(monkeypatch):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    monkeypatch.setattr(cellmark_sweepers.OptunaSweeper, "setup", lambda self, **_: pytest.fail("was set up"))
    search = object.__new__(cellmark_sweepers.Search)
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("train", ["sweep=random", "objective=val/cell_f1_50"], return_hydra_config=True)
    with pytest.raises(SystemExit, match=r"^error: train: objective=val/cell_f1_50 needs .*=maximize, not minimize$"):
        search.setup(hydra_context=None, task_function=None, config=config)
