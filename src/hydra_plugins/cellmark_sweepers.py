"""A sweeper of Hydra that searches with Optuna, in the right direction, and ends in good order when no trial has."""

import logging
import sys
from importlib.util import find_spec
from typing import Any

from cellmark.errors import CellmarkError
from cellmark.metrics.direction import lower_is_better


def check_direction(objective: str, direction: Any) -> None:
    """Refuses a search for the worst.

    Args:
        objective: name of a metric.
        direction: ``minimize`` or ``maximize``, or Optuna's own of that name; of several objectives nothing is known.

    Raises:
        CellmarkError: the metric gets better the other way.
    """
    right = "minimize" if lower_is_better(objective) else "maximize"
    given = getattr(direction, "name", direction)
    if isinstance(given, str) and given.lower() != right:
        raise CellmarkError(f"objective={objective} needs hydra.sweeper.direction={right}, not {given}")


if find_spec("hydra_plugins.hydra_optuna_sweeper") is not None:  # an extra of cellmark
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper
    from omegaconf import DictConfig

    log = logging.getLogger(__name__)

    class Search(OptunaSweeper):
        """As ``OptunaSweeper``, which has no best trial to tell when all have failed, and ends in an exception."""

        def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
            """Takes the settings of the command line.

            Ends the command with a line and exit status 1, before anything is written, where the search would be for
            the worst.
            """
            try:
                check_direction(str(config.objective), config.hydra.sweeper.direction)
            except CellmarkError as error:  # Hydra would show a traceback
                sys.exit(f"error: train: {error}")
            super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

        def sweep(self, arguments: list[str]) -> None:
            """Runs the trials; the jobs that failed have told why."""
            try:
                super().sweep(arguments)
            except ValueError as error:
                if str(error) != "No trials are completed yet.":  # optuna 2.10, Study.best_trial
                    raise
                log.error("no trial has given a value, so that there is no best one")
