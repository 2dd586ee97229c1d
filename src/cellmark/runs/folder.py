"""A run folder while a training works in it."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from cellmark.errors import CellmarkError, FolderInUse, Interrupted
from cellmark.files import locked, write_json
from cellmark.runs.record import CONFIG, FAILURE, SUMMARY, is_run, read_run

KEPT_WITHIN_EPOCHS = ("best.ckpt", "interrupted.ckpt")  # checkpoints that may be there before an epoch is finished
PATIENCE = 2.0  # seconds; who only looks at the folder has it for a moment


@contextmanager
def occupied(folder: Path, resume: bool) -> Iterator[Callable[[], None]]:
    """Within the block the folder is this run's.

    Args:
        folder: the run folder; made where it is not there.
        resume: whether the run in it goes on.

    Yields:
        To be called when the run goes on: what it said as failed or finished is then put away. A run that is refused
        to go on stays what it was.

    Raises:
        FolderInUse: another process works in it, or it holds a run and ``resume`` is false.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        if not resume and (folder / CONFIG).exists():
            raise FolderInUse(f"{folder}: already holds a run; name another output_dir, or go on with it: ckpt=last")
        begun = not resume

        def begin() -> None:
            nonlocal begun
            begun = True
            _put_away(folder)

        if begun:
            _put_away(folder)
        try:
            yield begin
        except Exception as error:
            if not any(folder.iterdir()):  # refused before anything was written
                folder.rmdir()
            elif begun and Interrupted.by is None:
                write_failure(folder, error)
            raise


def write_failure(folder: Path, error: Exception) -> None:
    """Leaves ``failure.json``: the error's name, its message and where it came from.

    Where the disk is full or may only be read, there is none: the error itself is what has to be told.
    """
    content = {"error": type(error).__name__, "message": str(error)}
    with suppress(OSError):
        write_json(folder / FAILURE, content | {"traceback": "".join(traceback.format_exception(error))})


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Within the block no other process of cellmark works in the folder.

    Raises:
        FolderInUse: one does.
    """
    with ExitStack() as stack:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                stack.enter_context(locked(folder))
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise FolderInUse(f"{folder}: another process works in it") from error
                time.sleep(0.05)
        yield


def _put_away(folder: Path) -> None:
    """What an earlier attempt said at its end is no longer so."""
    (folder / FAILURE).unlink(missing_ok=True)
    summary = folder / SUMMARY
    if summary.exists():
        summary.replace(folder / f"{summary.stem}.until_{time.strftime('%Y-%m-%d_%H-%M-%S')}.json")


def last_checkpoint(folder: Path) -> Path | None:
    """Where a resume goes on from; None where no epoch was finished.

    Raises:
        CellmarkError: epochs were finished, but their checkpoint is gone.
    """
    path = folder / "checkpoints/last.ckpt"
    if path.is_file():
        return path
    others = [other.name for other in path.parent.glob("*.ckpt") if other.name not in KEPT_WITHIN_EPOCHS]
    if others or (is_run(folder) and read_run(folder).epochs):
        told = "the run has finished epochs, but cannot go on without it; begin a new one with weights.ckpt"
        raise CellmarkError(f"{path}: not there: {told}")
    return None
