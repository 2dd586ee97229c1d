"""``cellmark serve`` in a process of its own, as a person would start it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.integration.commands import CHECKOUT, PATIENCE, start

FREE = "port=0"


class Served(NamedTuple):
    """A service at work."""

    process: "subprocess.Popen[str]"
    address: str
    port: int

    def end(self) -> tuple[int, str]:
        """Exit status and standard error, once it has ended."""
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Served]:
    """A service that listens; it is killed in the end."""
    process = start("serve", FREE, *arguments, folder=folder, PYTHONPATH=f"{CHECKOUT / 'src'}:{CHECKOUT}")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"(http://\S+:(\d+))$", line.strip())
        assert found, (line, process.communicate(timeout=PATIENCE))
        yield Served(process, found[1], int(found[2]))
    finally:
        process.kill()
        process.communicate()
