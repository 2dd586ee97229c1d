"""``cellmark VERB key=value ...``: finds the verb, lets Hydra compose its config, and runs it."""

import importlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape

import cellmark
from cellmark.cli.help import help_text
from cellmark.errors import CellmarkError

VERBS = {
    "dataset_synth": "make folders of synthetic DataMatrix images with the centre of every cell",
    "dataset_check": "list every problem of a folder of COCO folders",
    "dataset_convert": "turn grids of cells or a CSV file into COCO keypoints, or COCO into CSV",
    "dataset_group": "split a folder of images into folders of images that look alike",
    "dataset_warp": "write warped images and their cells beside the originals",
    "dataset_show": "draw contact sheets, target heatmaps and statistics of annotated images",
    "configure": "ask for the parts of an experiment and write it down",
    "train": "run one experiment",
    "evaluate": "measure a checkpoint on folders",
    "predict": "find the cells of images",
}

PATHS = ("input", "output_dir", "ckpt", "data.root")
GLOBAL_GROUPS = {"paths", "experiment"}  # their content lands at the top level, not under their own name


def main(verb: str | None = None) -> None:
    """Runs a verb with the arguments of the command line; without ``verb`` the first of them names it."""
    arguments = sys.argv[1:]
    if verb is None:
        if not arguments or arguments[0] in ("-h", "--help"):
            print(_usage())
            sys.exit(0 if arguments else 2)
        if arguments[0] == "--version":
            print(cellmark.__version__)
            sys.exit(0)
        verb, arguments = arguments[0], arguments[1:]
    if verb not in VERBS:
        print(f"cellmark: no verb {verb!r}\n\n{_usage()}", file=sys.stderr)
        sys.exit(2)
    if {"-h", "--help"} & set(arguments):
        print(help_text(verb, config_folder()))
        sys.exit(0)
    sys.argv = [f"cellmark {verb}", *arguments]
    if verb != "train":  # Lightning has a handler of its own
        signal.signal(signal.SIGTERM, _terminate)
    try:
        _hydra_main(verb)
    except KeyboardInterrupt:
        print(f"cellmark {verb}: interrupted", file=sys.stderr)
        sys.exit(130)


def _terminate(*_: object) -> None:
    """Ends the verb as an error does, so that what it began is cleared away."""
    sys.exit(128 + signal.SIGTERM)


def config_folder() -> Path:
    """The configs inside an installed package, or else at the top of the checkout."""
    package = Path(cellmark.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def register_resolvers() -> None:
    """Makes ``${len:...}`` known to OmegaConf: the number of entries of a list of the config."""
    OmegaConf.register_new_resolver("len", len, replace=True)


def run_verb(verb: str, config: DictConfig) -> int:
    """Calls the verb's ``run`` with the keys of the composed config, and returns its exit status.

    Raises:
        CellmarkError: a key that the verb does not read, or one that it needs and does not get.
    """
    refuse_unknown_keys(verb, config)
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise CellmarkError(f"needs {' '.join(f'{key}=...' for key in missing)}")
    resolved = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    for key in PATHS:  # a folder may be called 2024, which Hydra reads as a number
        if OmegaConf.select(resolved, key) is not None:
            OmegaConf.update(resolved, key, str(OmegaConf.select(resolved, key)))
    run: Callable[..., int | None] = importlib.import_module(f"cellmark.cli.{verb}").run
    lightning = logging.getLogger("lightning.pytorch")
    lightning.handlers.clear()  # Hydra's handlers print its messages already
    lightning.setLevel(logging.WARNING)
    # Lightning 2.6 asks torch for LeafSpec: Lightning-AI/pytorch-lightning issue 21326
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
    return run(**{str(key): value for key, value in resolved.items()}) or 0


def refuse_unknown_keys(verb: str, config: DictConfig) -> None:
    """Checks that ``conf/VERB.yaml`` names every key; what Hydra builds from a ``_target_`` checks its own keys.

    Raises:
        CellmarkError: a key that nothing reads.
    """
    content = cast(DictConfig, OmegaConf.load(config_folder() / f"{verb}.yaml"))
    groups = {str(key) for entry in content.defaults if isinstance(entry, DictConfig) for key in entry}
    known = {str(key) for key in content if key != "defaults"} | (groups - GLOBAL_GROUPS)
    unknown = [str(key) for key in config if key not in known]
    for key in known:
        node = content.get(key)
        if isinstance(node, DictConfig):
            unknown += [f"{key}.{name!s}" for name in config[key] if name not in set(node)]
    if unknown:
        raise CellmarkError(f"nothing reads the key {', '.join(unknown)}; there are {', '.join(sorted(known))}")


def _hydra_main(verb: str) -> None:
    register_resolvers()
    statuses = [0]  # of the jobs of a sweep: one that fails does not end the others

    @hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=verb)
    def job(config: DictConfig) -> None:
        if HydraConfig.get().output_subdir is not None:  # one folder a job, also within a sweep
            config.output_dir = HydraConfig.get().runtime.output_dir
        try:
            statuses.append(run_verb(verb, config))
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            statuses.append(128 + signal.SIGPIPE)
        except (CellmarkError, InstantiationException, OSError) as error:
            console = Console(stderr=True, soft_wrap=True, highlight=False)
            console.print(f"[bold red]error:[/] {verb}: {escape(_told(error))}")
            statuses.append(1)

    job()
    if max(statuses):
        sys.exit(max(statuses))


def _told(error: Exception) -> str:
    """The message; of the system's own errors, such as a full disk, the file and the reason."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _usage() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {text}" for name, text in VERBS.items())
    return f"usage: cellmark VERB [key=value ...]\n\n{verbs}\n\n`cellmark VERB --help` shows the keys of a verb."


if __name__ == "__main__":
    main()
