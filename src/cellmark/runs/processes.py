"""The other processes of a training on several devices of this machine.

Lightning would start them by repeating the command line, which in a sweep or a cross-validation is that of all jobs.
Here each gets the composed config of its own run and joins, see ``cellmark.cli.process``.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from lightning.fabric.plugins import ClusterEnvironment
from lightning.pytorch.strategies import ParallelStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from omegaconf import DictConfig

from cellmark.errors import CellmarkError
from cellmark.runs.folder import write_failure
from cellmark.runs.other_process import OtherProcess

GRACE = 20.0  # seconds in which processes that are left alone, or have nothing left to do, may end by themselves
NEWS = 5.0  # seconds in which the end of another process is known here


@contextmanager
def other_processes(trainer: L.Trainer, config: DictConfig) -> Iterator[None]:
    """Within the block every process of ``trainer`` is at work; where a scheduler started them, none is started.

    Args:
        trainer: of this process, not used yet.
        config: of the run, which the others take up too.

    Raises:
        CellmarkError: a strategy whose processes cannot be started; or another process failed, as it says.
        ProcessFailed: another process failed with an error that is not the user's.
    """
    if not isinstance(trainer.strategy, ParallelStrategy):
        yield
        return
    environment = trainer.strategy.cluster_environment
    assert environment is not None
    # On SIGTERM Lightning would broadcast in the middle of another collective operation, and wait for ever.
    connector = cast(Any, trainer)._signal_connector
    assert hasattr(connector, "_sigterm_notifier_fn")
    connector._sigterm_notifier_fn = lambda *_: None
    threads = torch.get_num_threads()
    try:
        if environment.creates_processes_externally:
            yield
        else:
            with _started(trainer, config, environment):
                yield
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        torch.set_num_threads(threads)  # Lightning shares them out, and this process may have more to do


@contextmanager
def _started(trainer: L.Trainer, config: DictConfig, environment: ClusterEnvironment) -> Iterator[None]:
    """The processes of this machine, from the second one on."""
    if not isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
        name = str(config.trainer.get("strategy"))
        raise CellmarkError(f"trainer.strategy={name} starts its processes in a way of its own; take trainer=ddp")
    variables = {
        "MASTER_ADDR": environment.main_address,
        "MASTER_PORT": str(environment.main_port),
        "NODE_RANK": str(environment.node_rank()),
        "WORLD_SIZE": str(trainer.world_size),
    }
    others: list[OtherProcess] = []
    done = threading.Event()
    with _environment(variables | {"LOCAL_RANK": "0"}):
        try:
            for rank in range(1, trainer.num_devices):
                others.append(OtherProcess(rank, config, variables))
            threading.Thread(target=_watch, args=(others, done, Path(config.output_dir)), daemon=True).start()
            yield
        except CellmarkError:
            raise
        except Exception as error:
            cause = _cause(error, others)
            if cause is error:
                raise
            raise cause from None
        else:
            _see_to_the_end(others)
        finally:
            done.set()
            for other in others:
                other.end(GRACE)


def _see_to_the_end(others: Sequence[OtherProcess]) -> None:
    """Waits until the others have done the same as this process; one that hangs by then is ended.

    Raises:
        CellmarkError, ProcessFailed: one of them failed.
    """
    deadline = time.monotonic() + GRACE
    for other in others:
        if other.wait(max(0.0, deadline - time.monotonic())) and other.failed():
            raise other.error()


def _cause(error: Exception, others: Sequence[OtherProcess]) -> Exception:
    """The error of a training: that of another process where its end is what this one stumbled over."""
    deadline = time.monotonic() + NEWS
    while time.monotonic() < deadline and not any(other.ended() for other in others):
        time.sleep(0.02)
    for other in others:
        if other.failed():
            told = other.report()
            same = told and (told["error"], told["message"]) == (type(error).__name__, str(error))
            return error if same else other.error()
    return error


def _watch(others: Sequence[OtherProcess], done: threading.Event, folder: Path) -> None:
    """Ends this process when another has failed and this one goes on waiting for it, as it does on GPUs."""
    while not done.wait(0.5):
        failed = [other for other in others if other.failed()]
        if failed and not done.wait(GRACE):
            error = failed[0].error()
            write_failure(folder, error)
            print(f"error: {error}", file=sys.stderr, flush=True)
            os._exit(1)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    names = [*variables, "OMP_NUM_THREADS"]
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
