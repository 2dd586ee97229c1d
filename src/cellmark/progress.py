"""How far a long piece of work has come, for a person at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Update = Callable[[str, int, int | None], None]  # what is being done, items done so far, items in all where known


@contextmanager
def progress_bar() -> Iterator[Update]:
    """A bar on standard error that goes away at the end; no output at all where that is no terminal.

    Yields:
        What to call whenever the work has gone on. The bar may serve one piece of work after another.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda what, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def update(what: str, done: int, total: int | None) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield update
