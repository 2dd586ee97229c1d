"""``cellmark VERB key=value ...``: finds the verb, lets Hydra compose its config, and runs it."""

import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import hydra

import cellmark
from cellmark.cli.configs import config_folder
from cellmark.cli.help import help_text
from cellmark.cli.job import LONG, folders, interrupt, job, statuses
from cellmark.cli.jobs import typed
from cellmark.cli.journal import unfinished
from cellmark.errors import Interrupted
from cellmark.runs.record import CONFIG

VERBS = {
    "dataset_synth": "make folders of synthetic DataMatrix images with the centre of every cell",
    "dataset_check": "list every problem of a folder of COCO folders",
    "dataset_convert": "turn grids of cells or a CSV file into COCO keypoints, or COCO into CSV",
    "dataset_group": "split a folder of images into folders of images that look alike",
    "dataset_warp": "write warped images and their cells beside the originals",
    "dataset_show": "draw contact sheets, target heatmaps and statistics of annotated images",
    "configure": "ask for the parts of an experiment and write it down",
    "train": "run one experiment",
    "crossval": "train and judge once for each folder held out, and put the results together",
    "compare": "show runs side by side: table and figure",
    "evaluate": "measure a checkpoint on folders",
    "predict": "find the cells of images",
    "read": "read the text of the codes of images",
    "export": "write a trained network as an ONNX file",
    "serve": "find cells and read codes over HTTP",
}


EXTRAS = {  # what needs more than cellmark alone: the plugin of Hydra, and the extra that brings it
    "launcher=local": ("hydra_submitit_launcher", "launchers"),
    "launcher=slurm": ("hydra_submitit_launcher", "launchers"),
    "sweep=random": ("hydra_optuna_sweeper", "search"),
    "sweep=tpe": ("hydra_optuna_sweeper", "search"),
}

WITH_VALUE = frozenset(  # Hydra's options whose value is the next word
    ["--cfg", "-c", "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"]
)


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
    if verb == "read":
        arguments = named_input(arguments)
    _refuse_missing_extras(verb, arguments)
    sys.argv = [f"cellmark {verb}", *arguments]
    for one in (signal.SIGTERM, signal.SIGINT) if verb in LONG else (signal.SIGTERM,):
        signal.signal(one, interrupt)
    try:
        hydra.main(version_base="1.3", config_path=str(config_folder()), config_name=verb)(job)()
    except (KeyboardInterrupt, Interrupted) as error:
        print(f"cellmark {verb}: interrupted{_hint(verb)}", file=sys.stderr)
        sys.exit(error.code if isinstance(error, Interrupted) else 128 + signal.SIGINT)
    if any(statuses):
        if unfinished and not {"-m", "--multirun"} & set(arguments):
            print(f"cellmark {verb}: what is done is kept{_hint(verb)}", file=sys.stderr)
        sys.exit(max(statuses))


def named_input(arguments: Sequence[str]) -> list[str]:
    """``photo.jpg other.jpg key=value`` as ``input=[photo.jpg,other.jpg] key=value``, quoted for Hydra."""
    files, others = list[str](), list[str]()
    for before, argument in zip(["", *arguments], arguments, strict=False):
        named = argument == "-" or not (argument.startswith(("-", "+", "~")) or "=" in argument)
        if named and before not in WITH_VALUE:
            files.append(typed(argument))
        else:
            others.append(argument)
    if not files:
        return others
    return [f"input={files[0]}" if len(files) == 1 else f"input=[{','.join(files)}]", *others]


def _refuse_missing_extras(verb: str, arguments: Sequence[str]) -> None:
    """Ends with what to install, which Hydra does not know."""
    for argument in arguments:
        plugin, extra = EXTRAS.get(argument.lstrip("+"), (None, None))
        if plugin and (find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{plugin}") is None):
            print(f"error: {verb}: {argument} needs more: pip install 'cellmark[{extra}]'", file=sys.stderr)
            sys.exit(1)
    starts = verb == "crossval" or {"-m", "--multirun"} & set(arguments)
    if starts and "launcher=slurm" in arguments and shutil.which("srun") is None:
        print(f"error: {verb}: launcher=slurm: there is no Slurm on this machine (no srun)", file=sys.stderr)
        sys.exit(1)


def _hint(verb: str) -> str:
    if verb == "train" and folders and (folders[-1] / CONFIG).exists():
        return f"; to go on: cellmark train ckpt=last {shlex.quote(f'output_dir={typed(folders[-1])}')}"
    if unfinished:
        folder = shlex.quote(f"output_dir={typed(unfinished[-1].parent)}")
        return f"; to go on with what is missing: the same command with {folder}"
    return "; the same command goes on with what is missing" if verb == "crossval" else ""


def _usage() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {text}" for name, text in VERBS.items())
    return f"usage: cellmark VERB [key=value ...]\n\n{verbs}\n\n`cellmark VERB --help` shows the keys of a verb."


if __name__ == "__main__":
    main()
