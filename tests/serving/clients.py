"""The service within the test's own process, with engines of its own, and clients of it."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import numpy as np
from PIL import Image

from cellmark.serving.app import create_app
from cellmark.serving.engines import Engines
from cellmark.serving.limits import Limits
from cellmark.serving.service import Service

LIMITS = {"concurrency": 32, "max_bytes": 100_000, "max_pixels": 1_000_000, "body_timeout": 20, "timeout": 20}


def echo(pictures: Sequence[Any]) -> list[Any]:
    """Work that finds nothing."""
    return [[] for _ in pictures]


def service(
    predict: Callable[..., Any] = echo,
    read: Sequence[Callable[..., Any]] = (echo,),
    batch_size: int = 8,
    batch_wait: float = 0.0,
    **limits: float,
) -> Service:
    engines = Engines("a.ckpt", "cpu", predict, read)
    return Service(engines, Limits(**(LIMITS | limits)), batch_size, batch_wait)


@asynccontextmanager
async def connected(to: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a service at work."""
    app = create_app(to)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


def talk(to: Service, *talks: Callable[[httpx2.AsyncClient], Any]) -> list[Any]:
    """What some talks with a service give that go on at the same time."""

    async def all_of_them() -> list[Any]:
        async with connected(to) as client:
            return await asyncio.gather(*(each(client) for each in talks))

    return asyncio.run(all_of_them())


def post(to: Service, route: str, content: Any, **options: Any) -> httpx2.Response:
    """The answer to one request."""
    (answer,) = talk(to, lambda client: client.post(route, content=content, **options))
    return answer


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


DOT = encoded(np.full((4, 4, 3), 200, np.uint8))


def metric(text: str, name: str) -> float:
    """A number among the metrics; 0 where there is none."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0
