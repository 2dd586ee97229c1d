"""The results of a long piece of work, kept as they come, so that the same command goes on with what is missing."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from cellmark.errors import CellmarkError
from cellmark.files import append_bytes, partial_file, to_json
from cellmark.runs.folder import alone_in

Stamp = list[Any]  # of a picture: its name, its size in bytes, and when it was changed, in ns

unfinished: list[Path] = []  # files that were begun; what there is to go on with when a verb has ended too early


def journal_of(target: Path) -> Path:
    """Where the results are kept that will become the file ``target``."""
    return target.with_name(f".{target.name}.partial")


def stamp(path: Path, name: str) -> Stamp:
    """What tells one state of a picture from another; of one that is gone, only the name."""
    try:
        state = path.stat()
    except OSError:
        return [name, None, None]
    return [name, state.st_size, state.st_mtime_ns]


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        content = sha256()
        for block in iter(lambda: file.read(1 << 20), b""):
            content.update(block)
    return content.hexdigest()


class Journal:
    """Lines of JSON beside the file that they become: first what was asked for, then each piece with its results.

    A process that is killed, or a disk that is full, leaves a torn last line at most, which is done again.

    Attributes:
        done: pieces whose results are kept.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any], pieces: Sequence[Sequence[Stamp]]) -> None:
        """Begins, or goes on.

        Args:
            target: the file that the results become.
            settings: all that the results depend on, as JSON knows it.
            pieces: what there is to do, in order: the pictures of each piece.

        Raises:
            CellmarkError: what is done was asked for otherwise, or its pictures are not the same any more.
        """
        self.target, self.path, self._pieces = target, journal_of(target), pieces
        self.done = self._take_up(settings) if self.path.exists() else -1
        if self.done < 0:
            self.path.touch()
            self._append(settings)
            self.done = 0

    def add(self, results: Any) -> None:
        """Keeps the results of the next piece, as JSON knows them."""
        self._append([self._pieces[self.done], results])
        self.done += 1

    def results(self) -> Iterator[Any]:
        """Of every piece that is done, in order, read one by one."""
        with self.path.open("rb") as file:
            next(file)
            for line in file:
                yield json.loads(line)[1]

    def finish(self, parts: Iterable[str]) -> None:
        """Writes the target, which appears whole or not at all, and removes the journal.

        Args:
            parts: of the content of the target; taken one by one.
        """
        with partial_file(self.target) as partial, partial.open("w", encoding="utf-8") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())  # the journal may go only when its content is safe
        self.path.unlink()

    def _append(self, value: Any) -> None:
        append_bytes(self.path, f"{to_json(self.path, value)}\n".encode())

    def _take_up(self, settings: Mapping[str, Any]) -> int:
        """The number of pieces that are done, -1 if not even the settings are there; what is torn is cut off."""
        whole, done = 0, -1
        with self.path.open("rb+") as file:
            for line in file:
                entry = _parsed(line)
                if entry is None:
                    break
                if done < 0:
                    self._check_settings(entry, settings)
                else:
                    self._check_piece(done, entry[0])
                done += 1
                whole += len(line)
            file.truncate(whole)
        return done

    def _check_settings(self, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        other = [key for key in {**settings, **begun} if begun.get(key) != settings.get(key)]
        if other:
            told = ", ".join(f"{key}={begun.get(key)} (now {settings.get(key)})" for key in other)
            self._refuse(f"began with {told}")

    def _check_piece(self, number: int, done: Sequence[Stamp]) -> None:
        present = self._pieces[number] if number < len(self._pieces) else []
        other = [one for one in [*done, *present] if one not in done or one not in present]
        if other:
            self._refuse(f"began with other pictures: {other[0][0]} was added, removed or changed since")

    def _refuse(self, reason: str) -> None:
        told = f"{self.target.parent}: what is done there {reason}"
        raise CellmarkError(f"{told}; repeat its command, or name another output_dir")


@contextmanager
def open_journal(target: Path, settings: Mapping[str, Any], pieces: Sequence[Sequence[Stamp]]) -> Iterator[Journal]:
    """A journal that no other process writes to.

    Args:
        target: the file that the results become; its folder is made where it is not there.
        settings: see ``Journal``.
        pieces: see ``Journal``.

    Raises:
        CellmarkError: see ``Journal``; or another process works in the folder, or has finished the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(target.parent):
        if target.exists():
            raise CellmarkError(f"{target}: already there; nothing is overwritten, name another output_dir")
        journal = Journal(target, settings, pieces)
        unfinished.append(target)
        yield journal
        unfinished.remove(target)


def _parsed(line: bytes) -> Any:
    """What a whole line holds; None of a torn one, and of what a loss of power left in its place."""
    try:
        return json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
