"""Keeps Hydra from writing into the folder of an earlier run."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console


class RefuseUsedFolder(Callback):
    """Ends a verb before Hydra writes ``.hydra`` and the log into a folder that holds those of another run."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called before anything is written; Hydra turns exceptions into warnings, but not SystemExit."""
        folder = Path(str(config.output_dir))
        if (folder / ".hydra").exists():
            console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
            console.print(f"error: {folder}: already holds a run; nothing is overwritten, name another output_dir")
            sys.exit(1)
