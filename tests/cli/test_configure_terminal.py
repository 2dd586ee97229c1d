"""``cellmark configure`` at a pseudo-terminal, as a person would use it."""

import os
import re
import subprocess
import sys
import threading

import pytest
from omegaconf import OmegaConf

from cellmark.cli.configs import config_folder
from tests.cli.test_configure import written
from tests.cli.test_main import options

COMMAND = [sys.executable, "-m", "cellmark.cli.main"]


def converse(folder, arguments, turns):
    """Runs ``configure`` at a pseudo-terminal; each turn waits for a text, then types an answer."""
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", spawn, *COMMAND, "configure", *arguments]
    settings = {"cwd": folder, "env": os.environ | {"TERM": "xterm", "COLUMNS": "100"}}
    heard, plain, start, turns = "", "", 0, list(turns)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, **settings) as process:
        alarm = threading.Timer(60, process.kill)  # a question that never comes
        alarm.start()
        while piece := process.stdout.read(4096):
            heard += piece.decode(errors="replace")
            plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", heard)
            if turns and turns[0][0] in plain[start:]:
                start = len(plain)
                process.stdin.write(turns.pop(0)[1].encode())
        alarm.cancel()
    return process.returncode, plain


@pytest.mark.slow
def test_a_person_at_a_terminal_then_trains_with_the_printed_command(tmp_path):
    turns = [
        ("backbone [", "\r"),
        ("mode [", "unifed\r"),
        ("mode [", "unified\r"),
        ("loss [", "1\r"),
        ("augment [", "none\r"),
    ]
    status, heard = converse(tmp_path, ["config_dir=conf"], [*turns, ("name [", "my_first\r")])
    assert status == 0, heard
    assert "'unifed': give a number from 1 to 2" in heard and "wrote conf/experiment/my_first.yaml" in heard
    line = "cellmark train --config-dir conf experiment=my_first data.root=FOLDER data.val_folder=NAME"
    assert line in heard.splitlines()[-1]
    answer = subprocess.run([*COMMAND, *line.split()[1:], "--cfg", "job"], cwd=tmp_path, capture_output=True, text=True)
    config = OmegaConf.create(answer.stdout)
    assert config.name == "my_first" and list(config.task.classes) == ["cell"] and config.augment.transforms == []
    expected = OmegaConf.load(config_folder() / "loss" / f"{options('loss')[0]}.yaml")
    assert config.loss._target_ == expected._target_


def test_ctrl_c_and_ctrl_d_at_a_terminal(tmp_path):
    status, heard = converse(tmp_path, ["config_dir=conf"], [("backbone [", "\r"), ("mode [", "\x03")])
    assert status == 130 and "stopped: nothing was written" in heard and "Traceback" not in heard
    status, heard = converse(tmp_path, ["config_dir=conf", "loss=mse"], [("backbone [", "\x04")])
    assert status == 1 and "give backbone=... mode=... augment=... name=..." in " ".join(heard.split())
    assert written(tmp_path) == []
