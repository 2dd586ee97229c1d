"""Tables in Markdown, with any text in them."""

import re
from collections.abc import Collection, Sequence

from cellmark.data.json_entries import printable

# what Markdown could take for its own; not every dialect knows a backslash before the latter, but all know entities
_ESCAPED, _ENTITIES = re.compile(r"[\\`*\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"), re.compile(r"[<>|~$]|&(?=[#\w])")


def markdown_text(text: str) -> str:
    """Any text on one line, shown as it is: nothing in it means anything to Markdown."""
    escaped = _ESCAPED.sub(r"\\\g<0>", printable(" ".join(text.split())))
    return _ENTITIES.sub(lambda found: f"&#{ord(found[0])};", escaped)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int]) -> str:
    """A table of cells that are Markdown; the columns at ``left`` are on the left, numbers on the right."""
    rule = [":--" if place in left else "--:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
