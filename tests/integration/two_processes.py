"""Trainings of two processes on the CPU, started as a person does, and what is left of them."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 90  # seconds
PARTS = "tests.integration.parts"
FAST = ["data.size=[64,64]", "data.num_workers=0", "augment=none", "trainer.accelerator=cpu", "callbacks.energy=null"]
FAST += ["trainer.log_every_n_steps=1", "callbacks.curves=null", "callbacks.pictures.tile=64", "data.val_folder=fold0"]
SMALL = ["backbone.widths=[8,16]", "backbone.blocks=[0,1]"]
TWO = ["trainer=ddp", "trainer.devices=2", "data.batch_size=2"]
ONE = ["data.batch_size=4"]
SEEN = f"+callbacks.seen={{_target_:{PARTS}.Seen,folder:${{output_dir}}/seen}}"
KEPT = f"+callbacks.trouble={{_target_:{PARTS}.Trouble,kind:none}}"


def start(arguments: list[str], mark: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Starts ``cellmark train``; every process of it carries ``mark`` in its environment."""
    places = {"PYTHONPATH": str(ROOT), "CELLMARK_TEST_MARK": str(mark), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "cellmark.cli.main", "train", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | places | variables,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
    return process.returncode, out.decode(), err.decode()


def at_work(mark: Path) -> list[int]:
    """The processes that carry ``mark`` in their environment; those that have ended are left out."""
    found, needle = [], f"CELLMARK_TEST_MARK={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if needle in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def free_port() -> int:
    """A port that nothing listens on, and that the system gives to no program that asks for any port."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(max(lowest - 10000, 1024), lowest)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("", port))
            return port


def until(condition, seconds: float = PATIENCE) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
