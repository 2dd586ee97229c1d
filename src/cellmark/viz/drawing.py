"""Text on pictures that Matplotlib draws: names of folders and runs may hold anything."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def plain(text: str) -> str:
    """One line of what Matplotlib can draw: it cannot draw lone surrogates, and breaks lines."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def entry(text: str) -> str:
    """As ``plain``, for a legend, in which Matplotlib hides what begins with ``_``."""
    return plain(text).lstrip("_")


@contextmanager
def any_letters() -> Iterator[None]:
    """Within the block letters that the font does not have are drawn as boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield
