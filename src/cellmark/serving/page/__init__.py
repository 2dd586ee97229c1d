"""The page at ``/``: a few files that are read when the service starts, so that no request opens one."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response


class File(NamedTuple):
    """A file of the page."""

    content: bytes
    media_type: str


def _file(name: str, media_type: str) -> File:
    return File(Path(__file__).with_name(name).read_bytes(), media_type)


PAGE = {
    "/": _file("page.html", "text/html"),
    "/page.css": _file("page.css", "text/css"),
    "/page.js": _file("page.js", "text/javascript"),
    "/picture.js": _file("picture.js", "text/javascript"),
    "/icon.svg": _file("icon.svg", "image/svg+xml"),
}


def show(file: File) -> Callable[[Request], Awaitable[Response]]:
    """A handler that answers with a file."""

    async def shown(_: Request) -> Response:
        return Response(file.content, media_type=file.media_type)

    return shown
