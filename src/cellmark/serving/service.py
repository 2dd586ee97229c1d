"""One request from its first byte to its answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from starlette.requests import Request

import cellmark
from cellmark.data.image_headers import BrokenImageError
from cellmark.data.images import TooManyPixelsError, image_size
from cellmark.serving.batcher import Batcher, Picture
from cellmark.serving.engines import Engines
from cellmark.serving.limits import Limits, Refused, gone, receive, unavailable
from cellmark.serving.metrics import Metrics

PREDICT, READ = "/predict", "/read"


class Service:
    """What stands behind the routes.

    Attributes:
        engines: what computes.
        metrics: what it has done so far.
        draining: whether it is about to end: it finishes what it has begun.
        at_work: requests that it has begun.
    """

    def __init__(self, engines: Engines, limits: Limits, batch_size: int, batch_wait: float) -> None:
        """Takes its parts, the most pictures in a batch of ``/predict``, and the seconds that one waits for company."""
        self.engines, self.limits, self.draining, self.at_work = engines, limits, False, 0
        self.metrics = Metrics(cellmark.__version__, engines.model, engines.device)
        sizes = {route: self.metrics.batches.labels(route).observe for route in (PREDICT, READ)}
        self.lines = {
            PREDICT: Batcher([engines.predict], batch_size, batch_wait, limits.max_pixels, sizes[PREDICT]),
            READ: Batcher(engines.read, observe=sizes[READ]),
        }
        self.metrics.watch(lambda: self.at_work, {route: line.__len__ for route, line in self.lines.items()})

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """Sets the workers to work; their threads end with it."""
        async with AsyncExitStack() as stack:
            for line in self.lines.values():
                await stack.enter_async_context(line)
            yield

    async def answer(self, route: str, request: Request, upright: bool, codes: int | None = None) -> Any:
        """Receives the picture of a request and computes its answer.

        Args:
            route: ``/predict`` or ``/read``.
            request: its body is the picture.
            upright: whether to turn it as its EXIF orientation says.
            codes: stop reading after so many; None looks for all.

        Raises:
            Refused: the request is beyond a limit or holds no picture, or there is no room or no time for it.
        """
        with self._admitted():
            content = await receive(request, self.limits)
            try:
                pixels = await asyncio.to_thread(self._pixels, content)
                self.metrics.pixels.labels(route).inc(pixels)
                return await self._in_time(route, request, Picture(content, pixels, upright, codes))
            except TooManyPixelsError as error:
                raise Refused(413, "too many pixels", str(error)) from error
            except BrokenImageError as error:
                raise Refused(422, "no picture", f"the body is no picture that can be read: {error}") from error

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """Counts a request, unless there are too many."""
        if self.at_work >= self.limits.concurrency:
            raise unavailable("overload", f"{self.at_work} requests are being worked at; please come again")
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1

    def _pixels(self, content: bytes) -> int:
        """Pixels of a picture by its head, where they are not too many."""
        width, height = image_size(content)
        if width * height > self.limits.max_pixels:
            told = f"{width} x {height} pixels are more than the limit of {self.limits.max_pixels}"
            raise TooManyPixelsError(told)
        return width * height

    async def _in_time(self, route: str, request: Request, picture: Picture) -> Any:
        """The answer, unless it takes too long or nobody waits for it."""
        answer = asyncio.create_task(self.lines[route].answer(picture))
        left = asyncio.create_task(_left(request))
        try:
            await asyncio.wait({answer, left}, timeout=self.limits.timeout, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if left.done():
                raise gone()
            raise unavailable("too slow", f"there was no answer within {self.limits.timeout:g} seconds")
        finally:
            answer.cancel()
            left.cancel()
            await asyncio.gather(answer, left, return_exceptions=True)


async def _left(request: Request) -> None:
    """Returns when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
