"""``cellmark configure``: asks for the parts of an experiment, and writes it down for ``cellmark train``."""

import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

import cellmark
from cellmark.cli.configs import config_folder, refuse_unknown_keys, register_resolvers
from cellmark.cli.questions import (
    QUESTIONS,
    Question,
    as_keys,
    ask,
    ask_option,
    check_option,
    read_questions,
    refuse_without_terminal,
)
from cellmark.errors import CellmarkError
from cellmark.files import write_bytes

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def run(
    *,
    name: object,
    backbone: str | None,
    mode: str | None,
    loss: str | None,
    augment: str | None,
    config_dir: object,
) -> int:
    """Asks what is not given, checks that the parts fit together, and writes the experiment.

    Args:
        name: of the experiment, its file and its runs.
        backbone: option of the group, as are the next three; None = asked.
        mode: which cells are told apart.
        loss: what training makes small.
        augment: how training samples are varied.
        config_dir: folder of configs to write in; see ``target_folder``.

    Returns:
        The exit status: 130 when stopped by Ctrl-C, as a shell would say it.

    Raises:
        CellmarkError: an unknown option, a name that cannot be, an experiment that exists, parts that do not fit
            together, or nobody to answer.
    """
    folder, console = target_folder(config_dir), Console(highlight=False)
    given = {"backbone": backbone, "mode": mode, "loss": loss, "augment": augment}
    try:
        name, parts = _answers(None if name is None else str(name), given, folder, console)
        text = experiment(name, parts)
        with console.status("checking that the parts fit together"):
            check(name, text, folder)
    except KeyboardInterrupt:
        Console(stderr=True).print("\nstopped: nothing was written")
        return 130
    file = folder / "experiment" / f"{name}.yaml"
    try:
        write_bytes(file, text.encode())
    except OSError as error:
        raise CellmarkError(f"{file}: cannot be written: {error.strerror}") from error
    for line in (f"\nwrote {file}; train with\n", f"  {command(name, folder)}"):
        console.print(line, soft_wrap=True, markup=False)
    return 0


def target_folder(config_dir: object) -> Path:
    """The folder of configs to write in: the given one, or Hydra's ``--config-dir``, the checkout's, or ``./conf``.

    Raises:
        CellmarkError: it lies inside the installed package, where the next update would wipe it out.
    """
    package = Path(cellmark.__file__).parent.resolve()
    if config_dir is None and HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        config_dir = next((source.path for source in sources if source.provider == "command-line"), None)
    if config_dir is None:
        installed = config_folder().resolve().is_relative_to(package)
        config_dir = "conf" if installed else config_folder()
    folder = Path(str(config_dir))
    if folder.resolve().is_relative_to(package):
        raise CellmarkError(f"config_dir={folder}: is inside the installed package; name another folder")
    return folder


def check_name(folder: Path, name: str) -> str:
    """Returns ``name``.

    Raises:
        CellmarkError: it cannot be the name of an experiment, or there is one of this name.
    """
    if not NAME.fullmatch(name) or name.endswith((".yaml", ".yml")):
        raise CellmarkError(
            f"name={name}: at most 100 letters, digits, _ - . are needed, with no - or . at the start, without .yaml"
        )
    if not isinstance(OverridesParser.create().parse_override(f"experiment={name}").value(), str):
        raise CellmarkError(f"name={name}: would be read as a value, not as a name; start it with another letter")
    for place in (config_folder(), folder):  # Hydra takes the first it finds
        file = place / "experiment" / f"{name}.yaml"
        if file.exists() or file.is_symlink():
            raise CellmarkError(f"{file}: already there; nothing is overwritten, give another name")
    return name


def experiment(name: str, parts: Mapping[str, str]) -> str:
    """The YAML file of an experiment.

    Args:
        name: of its runs.
        parts: group -> option.
    """
    told = ", ".join(f"{group} {option}" for group, option in parts.items())
    overrides = [{f"override /{group}": option} for group, option in parts.items()]
    content = OmegaConf.to_yaml(OmegaConf.create({"defaults": overrides, "name": name}))
    return f"# @package _global_\n# Made by `cellmark configure`: {told}.\n{content}"


def check(name: str, text: str, folder: Path) -> None:
    """Composes the training of an experiment that is not written yet, and builds its parts without weights.

    Args:
        name: of the experiment.
        text: its YAML file.
        folder: of configs, searched beside those of cellmark.

    Raises:
        CellmarkError: the parts cannot be composed, built or joined.
    """
    with tempfile.TemporaryDirectory() as place:
        write_bytes(Path(place) / "experiment" / f"{name}.yaml", text.encode())
        try:
            _build(_compose(name, [Path(place), *([folder.resolve()] if folder.is_dir() else [])]))
        except (ValueError, HydraException, OmegaConfBaseException) as error:
            raise CellmarkError(f"these parts do not fit together; nothing was written: {error}") from error


def command(name: str, folder: Path) -> str:
    """The command line that trains the experiment."""
    own = folder.resolve() == config_folder().resolve()
    option = "" if own else f"--config-dir {shlex.quote(str(folder))} "
    return f"cellmark train {option}experiment={name} data.root=FOLDER data.val_folder=NAME"


def _answers(
    name: str | None, given: Mapping[str, str | None], folder: Path, console: Console
) -> tuple[str, dict[str, str]]:
    """The name, and group -> option; what is given is checked before anything is asked."""
    questions = read_questions([config_folder(), folder])
    parts = {q.group: check_option(q, option) for q in questions if (option := given[q.group]) is not None}
    if name is not None:
        check_name(folder, name)
    missing = [*(group for group in QUESTIONS if group not in parts), *(["name"] if name is None else [])]
    if not missing:
        assert name is not None
        return name, parts
    refuse_without_terminal(missing)
    try:
        return _ask(name, parts, questions, folder, console)
    except EOFError as error:
        raise CellmarkError(f"the input ended, nothing was written; give {as_keys(missing)}") from error


def _ask(
    name: str | None, given: Mapping[str, str], questions: list[Question], folder: Path, console: Console
) -> tuple[str, dict[str, str]]:
    console.print("Enter takes the default, Ctrl-C stops.")
    parts = {q.group: given[q.group] if q.group in given else ask_option(q, console) for q in questions}
    if name is None:
        console.print("\n[bold cyan]What is the experiment called?[/]")
        name = ask("name", "-".join(parts.values()), partial(check_name, folder), console)
    return name, parts


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Hydra can compose one app at a time: sets the running one aside."""
    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_folder()), job_name="train", version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().clear()
        if running is not None:
            GlobalHydra.instance().initialize(running)


def _compose(name: str, folders: list[Path]) -> DictConfig:
    register_resolvers()
    quoted = [str(folder).replace("\\", "\\\\").replace("'", "\\'") for folder in folders]
    search = ",".join(f"'file://{folder}'" for folder in quoted)
    with _own_hydra():
        return compose("train", [f"experiment={name}", "data.root=none", f"hydra.searchpath=[{search}]"])


def _build(config: DictConfig) -> None:
    """Joins the parts as ``cellmark train`` does; no data is read and no weights are fetched."""
    from cellmark.cli.assembly import build_task  # PyTorch takes seconds: not before the questions

    refuse_unknown_keys("train", config)
    if "pretrained" in config.backbone:
        config.backbone.pretrained = False
    resolved = DictConfig(OmegaConf.to_container(config, resolve=True))
    build_task(resolved, instantiate(resolved.data))
