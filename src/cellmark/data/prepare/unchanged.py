"""Files that are read more than once, and must say the same every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cellmark.data.file_names import state_of
from cellmark.errors import CellmarkError


@contextmanager
def unchanged(*files: Path) -> Iterator[None]:
    """Refuses what was read of the files within the block if somebody has changed one of them meanwhile.

    What was read may only be put together after the block: until then nothing is known to belong together.

    Raises:
        CellmarkError: one of the files is not what it was when the block began.
    """
    before = [state_of(file) for file in files]
    yield
    for file, state in zip(files, before, strict=True):
        if state_of(file) != state:
            raise CellmarkError(f"{file}: was changed while it was read; start again")
