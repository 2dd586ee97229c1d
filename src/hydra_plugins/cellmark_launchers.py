"""Launchers of Hydra for jobs in other processes of this machine or on a cluster, by submitit.

Hydra takes launchers from the namespace ``hydra_plugins`` alone. Those of ``hydra_submitit_launcher`` end a whole sweep
when one process dies, leave jobs behind when the user ends the sweep, and hide all GPUs from jobs on this machine.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from cellmark.files import locked
from cellmark.runs.folder import alone_in

if find_spec("hydra_plugins.hydra_submitit_launcher") is not None:  # an extra of cellmark
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf  # type: ignore[import-untyped]
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import (  # type: ignore[import-untyped]
        LocalLauncher,
        SlurmLauncher,
    )

    GRACE = 30.0  # seconds that jobs have to end when the user has ended the sweep
    OF_EXECUTOR = ("max_num_timeout",)  # keys that are given when an executor is made, not afterwards

    log = logging.getLogger(__name__)

    class _Jobs:
        """What both launchers do in another way than submitit's."""

        _EXECUTOR: str
        params: dict[str, Any]

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Hands the jobs over and waits for them; one whose process dies ends none of the others.

            Args:
                job_overrides: of each job.
                initial_job_idx: number of the first one.

            Returns:
                What each job returned; None of one that died.
            """
            numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
            for number, overrides in zip(numbers, job_overrides, strict=True):
                log.info("job %d: %s", number, " ".join(overrides))
            jobs = self._submit(
                [list(overrides) for overrides in job_overrides],
                ["hydra.sweep.dir"] * len(numbers),
                list(numbers),
                [f"job_id_for_{number}" for number in numbers],
                [Singleton.get_state()] * len(numbers),
            )
            try:
                return [self._result(number, job) for number, job in zip(numbers, jobs, strict=True)]
            except BaseException:
                self._leave(jobs)
                raise

        def _submit(self, *lists: Sequence[Any]) -> Sequence[Any]:
            jobs: Sequence[Any] = self._executor().map_array(self, *lists)
            return jobs

        def _executor(self) -> Any:
            import submitit

            own = {field.name for field in fields(BaseQueueConf)}
            named = {key if key in own else f"{self._EXECUTOR}_{key}": value for key, value in self.params.items()}
            folder = named.pop("submitit_folder")
            first = {key: named.pop(key) for key in [f"{self._EXECUTOR}_{one}" for one in OF_EXECUTOR] if key in named}
            executor = submitit.AutoExecutor(folder=folder, cluster=self._EXECUTOR, **first)
            executor.update_parameters(**named)
            return executor

        def _result(self, number: int, job: Any) -> JobReturn:
            from submitit.core.utils import FailedJobError, UncompletedJobError

            from cellmark.cli.job import statuses

            try:
                return cast(JobReturn, job.results()[0])
            except (FailedJobError, UncompletedJobError):
                log.error("job %d ended without an answer; what it said: %s", number, job.paths.stderr)
                statuses.append(1)
                nothing = JobReturn()
                nothing.status, nothing.return_value = JobStatus.COMPLETED, None  # FAILED would end the sweep
                return nothing

        def _leave(self, jobs: Sequence[Any]) -> None:
            """What happens to jobs when the user does not wait for them any more."""
            raise NotImplementedError

    class LocalJobs(_Jobs, LocalLauncher):  # type: ignore[misc]
        """Processes of this machine, which end with the one that started them. They share out the GPUs."""

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """See ``_Jobs``."""
            self.first, self.visible = initial_job_idx, _visible_gpus()
            self.held = Path(self.params["submitit_folder"]).resolve().parent  # locked as long as this process is there
            self.held.mkdir(parents=True, exist_ok=True)
            with alone_in(self.held):
                return super().launch(job_overrides, initial_job_idx)

        def __call__(self, sweep_overrides: list[str], job_dir_key: str, job_num: int, *args: Any) -> JobReturn:
            """Runs a job, in its own process."""
            from cellmark.cli.job import interrupt

            mine = gpus_of(job_num - self.first, self.params["gpus_per_node"] or 1, self.visible)
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)  # submitit has hidden them
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, interrupt)
            threading.Thread(target=_end_when_free, args=(self.held,), daemon=True).start()
            return cast(JobReturn, super().__call__(sweep_overrides, job_dir_key, job_num, *args))

        def _submit(self, *lists: Sequence[Any]) -> Sequence[Any]:
            """Submitit's processes around the jobs do not hear Ctrl-C: they would give the jobs one second to end."""
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                return super()._submit(*lists)
            finally:
                signal.signal(signal.SIGINT, before)

        def _leave(self, jobs: Sequence[Any]) -> None:
            """Ends them as Ctrl-C does, so that they leave a checkpoint."""
            for job in jobs:
                if not job.done():
                    os.kill(int(job.job_id), signal.SIGTERM)  # handed on to the job
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline and not all(job.done() for job in jobs):
                time.sleep(0.05)

    class SlurmJobs(_Jobs, SlurmLauncher):  # type: ignore[misc]
        """Jobs of Slurm, which go on when nobody waits for them."""

        def _leave(self, jobs: Sequence[Any]) -> None:
            """Tells how to end them."""
            ids = sorted({str(job.job_id).partition("_")[0] for job in jobs})
            log.warning("jobs that Slurm has taken go on; `scancel %s` ends them", " ".join(ids))


def gpus_of(place: int, count: int, visible: Sequence[str]) -> list[str]:
    """The GPUs of a job: each job takes the next ones in turn, so that two share one only where there are too few.

    Args:
        place: of the job among those at work at the same time, from 0.
        count: how many a job has.
        visible: names of all, as ``CUDA_VISIBLE_DEVICES`` has them.
    """
    taken = [visible[(place * count + k) % len(visible)] for k in range(count)] if visible else []
    return list(dict.fromkeys(taken))


def _visible_gpus() -> list[str]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def _end_when_free(folder: Path) -> None:
    """Ends this process when no other one holds the folder: who started it is gone, perhaps killed."""
    while True:
        time.sleep(0.5)
        try:
            with locked(folder) as certain:
                if certain:
                    os.kill(os.getpid(), signal.SIGINT)
                return
        except BlockingIOError:
            continue
