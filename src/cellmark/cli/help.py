"""What ``cellmark VERB --help`` prints: the configs of the verb with their comments, and the choices of its groups."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import cast

from omegaconf import DictConfig, ListConfig, OmegaConf

_SILENT = {"paths"}  # groups that are no choice of the user's


def help_text(verb: str, folder: Path) -> str:
    """The help of a verb.

    Args:
        verb: its name.
        folder: the configs.
    """
    file = folder / f"{verb}.yaml"
    parts = [f"usage: cellmark {verb} key=value ...", head(file), body(file)]
    for base in bases(file):
        own = {line.partition(":")[0] for line in body(file).splitlines()}
        lines = [line for line in body(folder / f"{base}.yaml").splitlines() if line.partition(":")[0] not in own]
        parts += [f"And every key of `cellmark {base}`:", "\n".join(lines)]
    found = [entry for name in (verb, *bases(file)) for entry in groups(folder / f"{name}.yaml")]
    if found:
        parts.append("Groups of keys. A group is chosen with GROUP=CHOICE; the first choice is the default.")
    for name, chosen in found:
        others = sorted(path.stem for path in (folder / name).glob("*.yaml") if path.stem != chosen)
        parts.append(f"{name}={' | '.join([chosen, *others] if chosen else others)}")
        if chosen:
            parts[-1] += "\n" + indent(body(folder / name / f"{chosen}.yaml"), "  ")
    parts.append(f"`cellmark {verb} --cfg job key=value ...` shows the composed configuration and does nothing.")
    return "\n\n".join(part for part in parts if part)


def head(file: Path) -> str:
    """The comment at the top."""
    lines = []
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return "\n".join(lines)


def body(file: Path) -> str:
    """The keys with their comments: all but the comment at the top and the list of defaults."""
    lines = file.read_text().splitlines()
    while lines and lines[0].startswith("#"):
        del lines[0]
    if "defaults:" in lines:
        start = end = lines.index("defaults:") + 1
        while end < len(lines) and lines[end].startswith(" "):
            end += 1
        del lines[start - 1 : end]
    return "\n".join(lines).strip()


def groups(file: Path) -> Iterator[tuple[str, str | None]]:
    """The groups of a config, each with its default choice."""
    for entry in _defaults(file):
        for group, chosen in entry.items() if isinstance(entry, DictConfig) else ():
            name = str(group).rpartition(" ")[2].partition("@")[0]
            if name not in _SILENT and not name.startswith("hydra/"):
                yield name, None if chosen is None else str(chosen)


def bases(file: Path) -> list[str]:
    """The verbs whose keys a verb takes too."""
    return [str(entry) for entry in _defaults(file) if not isinstance(entry, DictConfig) and entry != "_self_"]


def _defaults(file: Path) -> ListConfig:
    return cast(DictConfig, OmegaConf.load(file)).get("defaults") or ListConfig([])
