"""Dynamic batching: pictures that come close together are computed together."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Picture:
    """A picture that somebody sent.

    Attributes:
        content: bytes of the file.
        pixels: of the whole picture, as its head states them.
        upright: whether to turn it as its EXIF orientation says.
        codes: stop reading after so many; None looks for all.
    """

    content: bytes
    pixels: int
    upright: bool = False
    codes: int | None = None


Work = Callable[[Sequence[Picture]], Sequence[Any]]
"""Computes one answer for each picture, in order; one that is an exception is the failure of that picture alone."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    picture: Picture
    answer: asyncio.Future[Any]


class Batcher:
    """A line of pictures, and workers that each take a batch from its head, compute it in a thread, and come back.

    The line belongs to the event loop, so that nothing here needs a lock; a ``Work`` is never called twice at a time.
    What is being computed cannot be stopped: the answer of a picture that nobody waits for any more is dropped, and
    until then its worker takes no other. A picture that still waits in line just leaves it.
    """

    def __init__(
        self,
        works: Sequence[Work],
        size: int = 1,
        wait: float = 0.0,
        pixels: int | None = None,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Prepares the line; ``async with`` opens it.

        Args:
            works: one for each worker.
            size: most pictures in a batch.
            wait: seconds that a worker waits for a batch to fill up, once there is one picture.
            pixels: most of a whole batch, which bounds the memory for decoded pictures; a picture that alone has more
                is a batch of its own. None for no such limit.
            observe: is told the size of every batch.
        """
        self.works, self.size, self.wait, self.pixels, self.observe = works, size, wait, pixels, observe
        self._line: deque[_Waiting] = deque()
        self._changed: asyncio.Condition
        self._threads: ThreadPoolExecutor
        self._workers: list[asyncio.Task[None]]

    def __len__(self) -> int:
        """Pictures that wait in line."""
        return len(self._line)

    async def __aenter__(self) -> Self:
        """Sets the workers to work."""
        self._changed = asyncio.Condition()
        self._threads = ThreadPoolExecutor(len(self.works), thread_name_prefix="cellmark")
        self._workers = [asyncio.create_task(self._serve(work)) for work in self.works]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends the workers; what is still being computed has nobody left who waits for it."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._threads.shutdown(wait=False)

    async def answer(self, picture: Picture) -> Any:
        """The answer to a picture; a caller that is cancelled takes it out of the line.

        Raises:
            Exception: whatever computing that picture raised.
        """
        waiting = _Waiting(picture, asyncio.get_running_loop().create_future())
        try:
            async with self._changed:
                self._line.append(waiting)
                self._changed.notify_all()
            return await waiting.answer
        finally:
            if waiting in self._line:
                self._line.remove(waiting)

    async def _serve(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = await self._batch()
            if not batch:  # another worker was quicker, or whoever waited has gone
                continue
            self.observe(len(batch))
            pictures = [each.picture for each in batch]
            try:
                answers = await loop.run_in_executor(self._threads, _compute, work, pictures)
            except Exception as error:  # of the thread, which the system may refuse; the next batch may have more luck
                answers = [error] * len(batch)
            for waiting, answer in zip(batch, answers, strict=True):
                if waiting.answer.done():  # cancelled
                    continue
                if isinstance(answer, Exception):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)

    async def _batch(self) -> list[_Waiting]:
        """The head of the line, once there is one and the time for company is over."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._line) > 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.wait):
                    await self._changed.wait_for(lambda: len(self._line) >= self.size)
        batch: list[_Waiting] = []
        room = self.pixels
        while self._line and len(batch) < self.size:
            pixels = self._line[0].picture.pixels
            if batch and room is not None and pixels > room:
                break
            batch.append(self._line.popleft())
            room = None if room is None else room - pixels
        return batch


def _compute(work: Work, pictures: Sequence[Picture]) -> Sequence[Any]:
    """The answers of a batch; where it fails as a whole, of each picture alone, so that one harms no other."""
    try:
        return work(pictures)
    except Exception as error:
        if len(pictures) == 1:
            return [error]
        return [answer for picture in pictures for answer in _compute(work, [picture])]
