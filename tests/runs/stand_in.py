"""What `cellmark.cli.process` is, but with a training of no time: it does what its config says."""

import os
import signal
import time
from pathlib import Path

from omegaconf import OmegaConf

from cellmark.cli import process
from cellmark.errors import CellmarkError


def work(config):
    folder = Path(config.output_dir)
    print("this goes to standard error")
    for one in config.get("signals", []):
        os.kill(os.getpid(), one)
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE", "LOCAL_RANK")
    state = {"config": config, "environment": {name: os.environ[name] for name in names}, "pid": os.getpid()}
    (folder / f"partial_{os.environ['LOCAL_RANK']}").write_text(OmegaConf.to_yaml(OmegaConf.create(state)))
    (folder / f"partial_{os.environ['LOCAL_RANK']}").rename(folder / f"process_{os.environ['LOCAL_RANK']}.yaml")
    match config.get("then"):
        case "error":
            raise IndexError("the disk\nis full")
        case "user error":
            raise CellmarkError("no such folder")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleep":
            time.sleep(600)


if __name__ == "__main__":
    process._train = work
    process.main()
