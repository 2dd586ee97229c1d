"""A sweeper of Hydra that searches with Optuna, and ends in good order when no trial has finished."""

import logging
from importlib.util import find_spec

if find_spec("hydra_plugins.hydra_optuna_sweeper") is not None:  # an extra of cellmark
    from hydra_plugins.hydra_optuna_sweeper.optuna_sweeper import OptunaSweeper

    log = logging.getLogger(__name__)

    class Search(OptunaSweeper):
        """As ``OptunaSweeper``, which has no best trial to tell when all have failed, and ends in an exception."""

        def sweep(self, arguments: list[str]) -> None:
            """Runs the trials; the jobs that failed have told why."""
            try:
                super().sweep(arguments)
            except ValueError as error:
                if str(error) != "No trials are completed yet.":  # optuna 2.10, Study.best_trial
                    raise
                log.error("no trial has given a value, so that there is no best one")
