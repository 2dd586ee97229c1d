"""Kills a verb half-way, as a machine short of memory or a person does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 60  # seconds


def contents(root: Path) -> dict[str, bytes]:
    """Every file that a person sees: name and bytes, hidden files and folders left out."""
    files = [file for file in sorted(root.rglob("*")) if file.is_file()]
    names = {str(file.relative_to(root)): file for file in files}
    return {name: file.read_bytes() for name, file in names.items() if not f"/{name}".count("/.")}


def kill_half_way(
    arguments: list[str], begun: Callable[[], int], least: int, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Starts a verb and kills it as soon as ``begun()``, the number of files it has made so far, is ``least``.

    Returns its exit status and what it said on standard error, when nothing of it is at work any more.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "cellmark.cli.main", *arguments], stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + PATIENCE
    while begun() < least:
        assert process.poll() is None, (process.communicate()[1] or b"").decode()
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.005)
    if by == signal.SIGINT:
        os.killpg(process.pid, by)  # as a terminal does it
    else:
        process.send_signal(by)
    said = process.communicate()[1]  # ends when the last of its processes has closed its standard error
    return process.returncode, said.decode()


def run_to_the_end(arguments: list[str]) -> str:
    """Runs a verb; what it printed."""
    command = [sys.executable, "-m", "cellmark.cli.main", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout
