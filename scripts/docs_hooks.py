"""What mkdocs calls while it builds the documentation: puts into the pages what is made from the configs."""

from pathlib import PurePosixPath
from typing import Any

import docs_reference
from cellmark.cli.configs import config_folder
from cellmark.cli.main import VERBS

CONFIGURATION, TABLE = "configuration.md", "verbs/index.md"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The text of a page with its generated part at the end.

    Args:
        markdown: as it was written.
        page: mkdocs' page.
    """
    path, folder = PurePosixPath(page.file.src_uri), config_folder()
    if str(path) == CONFIGURATION:
        return f"{markdown}\n\n{docs_reference.configuration(list(VERBS), folder)}\n"
    if str(path) == TABLE:
        return f"{markdown}\n\n{docs_reference.verb_table(VERBS)}\n"
    if path.parent.name == "verbs" and path.stem in VERBS:
        return f"{markdown}\n\n{docs_reference.keys(path.stem, folder)}\n"
    return markdown
