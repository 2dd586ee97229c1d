"""The parts of the documentation that are made from ``conf/``, as Markdown: nobody has to keep them up to date."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellmark.cli.help import bases, body, groups, head  # the same reading as that of ``cellmark VERB --help``

GLOBAL = "@package _global_"


def verb_table(verbs: Mapping[str, str]) -> str:
    """A row for each verb.

    Args:
        verbs: what each does, by its name.
    """
    rows = [f"| [`{verb}`]({verb}.md) | {text} |" for verb, text in verbs.items()]
    return "\n".join(["| verb | does |", "|---|---|", *rows])


def keys(verb: str, folder: Path) -> str:
    """Every key of a verb with its comment, and those of the default choice of each of its groups.

    Args:
        verb: its name.
        folder: the configs.
    """
    file = folder / f"{verb}.yaml"
    parts = [
        "## Keys",
        f"`cellmark {verb} --help` prints them, too. `???` has to be given.",
        _yaml(body(file)),
    ]
    for group, chosen in groups(file):
        options = [option for option in _options(folder / group) if option != chosen]
        links = ", ".join(f"[`{option}`](../configuration.md#{_anchor(group, option)})" for option in options)
        parts.append(f"### `{group}` {{ #keys-{_anchor(group)} }}")
        if chosen is None:
            parts.append(f"`{group}=...`, none by default: {links}.")
            continue
        others = f" Others: {links}." if links else ""
        parts += [f"`{group}={chosen}` is the default.{others}", _yaml(body(folder / group / f"{chosen}.yaml"))]
    return "\n\n".join(parts)


def configuration(verbs: Sequence[str], folder: Path) -> str:
    """Every group of ``folder`` and every option of it.

    Args:
        verbs: names of the verbs.
        folder: the configs.
    """
    readers = {group: _readers(group, verbs, folder) for group in group_names(folder)}
    parts = ["## All groups", "\n".join(["| group | options | read by |", "|---|---|---|", *_rows(readers, folder)])]
    for group in readers:
        parts.append(f"## `{group}` {{ #{_anchor(group)} }}")
        for option in _options(folder / group):
            file = folder / group / f"{option}.yaml"
            parts += [f"### `{group}={option}` {{ #{_anchor(group, option)} }}", _about(file), _yaml(_content(file))]
    return "\n\n".join(part for part in parts if part)


def group_names(folder: Path) -> list[str]:
    """The groups in the order in which ``train`` reads them, then the others."""
    known = sorted({str(path.parent.relative_to(folder)) for path in folder.rglob("*/*.yaml")})
    first = [name for name, _ in groups(folder / "train.yaml")]
    return first + [name for name in known if name not in first]


def _rows(readers: Mapping[str, Sequence[str]], folder: Path) -> list[str]:
    rows = []
    for group, verbs in readers.items():
        options = ", ".join(f"[`{name}`](#{_anchor(group, name)})" for name in _options(folder / group))
        read = ", ".join(f"[`{verb}`](verbs/{verb}.md)" for verb in verbs) or "other configs"
        rows.append(f"| [`{group}`](#{_anchor(group)}) | {options} | {read} |")
    return rows


def _readers(group: str, verbs: Sequence[str], folder: Path) -> list[str]:
    """The verbs with a choice of this group."""
    return [verb for verb in verbs if group in _own_groups(verb, folder)]


def _own_groups(verb: str, folder: Path) -> set[str]:
    """Groups of a verb and of those that it builds on."""
    file = folder / f"{verb}.yaml"
    return {name for name, _ in groups(file)}.union(*(_own_groups(b, folder) for b in bases(file)))


def _options(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _about(file: Path) -> str:
    """The comment at the top, and where the keys land where that is not under the name of the group."""
    lines = head(file).splitlines()
    told = "\n".join(line for line in lines if line != GLOBAL)
    return f"{told}\n\n*Sets keys of several groups.*" if GLOBAL in lines else told


def _content(file: Path) -> str:
    """All but the comment at the top; the list of defaults is part of what an option does."""
    lines = file.read_text().splitlines()
    start = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join(lines[start:]).strip()


def _yaml(text: str) -> str:
    return f"```yaml\n{text}\n```" if text else ""


def _anchor(*parts: str) -> str:
    return "-".join(parts).replace("/", "-").replace("_", "-")
