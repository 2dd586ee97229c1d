"""Jobs that a verb starts through Hydra's launcher, as a sweep does: here, as other processes, or on a cluster."""

import logging
import re
from collections.abc import Sequence
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode

from cellmark.cli.job import job

LAUNCHERS = ("hydra._internal.core_plugins.basic_launcher", "hydra_plugins.cellmark_launchers")  # their loggers


def launch(verb: str, jobs: Sequence[Sequence[str]]) -> None:
    """Runs jobs of a verb with the launcher of the command line, and waits for them.

    A job that fails ends none of the others; it leaves ``failure.json`` in its folder.

    Args:
        verb: of all jobs.
        jobs: the overrides of each; ``output_dir`` and ``hydra.sweep.subdir`` together are its folder.
    """
    loader = GlobalHydra.instance().config_loader()
    config = loader.load_configuration(verb, [*HydraConfig.get().overrides.hydra, *jobs[0]], RunMode.MULTIRUN)
    context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
    plugins = Plugins.instance()
    starter = plugins.instantiate_launcher(hydra_context=context, task_function=job, config=config)
    for name in LAUNCHERS:  # they would repeat all overrides of each job
        logging.getLogger(name).setLevel(logging.WARNING)
    starter.launch([list(overrides) for overrides in jobs], initial_job_idx=0)


def typed(path: Any) -> str:
    """A path in the grammar of Hydra's overrides, as a person types it: quoted only where it must be."""
    return str(path) if re.fullmatch(r"[\w./-]+", str(path)) else quoted(str(path))


def quoted(value: Any) -> str:
    """A value in the grammar of Hydra's overrides, whatever characters it has."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(map(quoted, value))}]"
    # Backslashes are themselves, but for those before a quote, which are doubled.
    text = re.sub(r"(\\*)('|\Z)", lambda match: match[1] * 2 + match[2].replace("'", "\\'"), str(value))
    return f"'{text}'"
