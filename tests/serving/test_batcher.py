"""The line of pictures: which are computed together, and what becomes of those that nobody waits for."""

import asyncio
import threading

import pytest

from cellmark.serving.batcher import Batcher, Picture

PATIENCE = 20  # seconds


class Recorder:
    """Work that remembers its batches, and begins each only when it may."""

    def __init__(self):
        self.batches, self.may = [], threading.Semaphore(0)
        self.at_once = self.most_at_once = 0

    def __call__(self, pictures):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.batches.append([picture.content for picture in pictures])
        assert self.may.acquire(timeout=PATIENCE)
        self.at_once -= 1
        if any(picture.content == b"fails" for picture in pictures):
            raise ValueError("it fails")
        return [picture.content.upper() for picture in pictures]

    def allow(self, times=1):
        self.may.release(times)


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


def ask(line, *names, pixels=1):
    return [asyncio.create_task(line.answer(Picture(name, pixels))) for name in names]


def test_pictures_that_come_together_are_computed_together():
    async def main():
        work = Recorder()
        work.allow(9)
        async with Batcher([work], size=3, wait=PATIENCE) as line:
            answers = await asyncio.gather(*ask(line, b"a", b"b", b"c"))
        assert answers == [b"A", b"B", b"C"] and work.batches == [[b"a", b"b", b"c"]]

    asyncio.run(main())


def test_one_that_is_alone_waits_no_longer_than_it_is_told():
    async def main():
        work = Recorder()
        work.allow()
        async with Batcher([work], size=3, wait=0.01) as line:
            assert await asyncio.gather(*ask(line, b"a")) == [b"A"]

    asyncio.run(main())


def test_those_that_come_while_a_batch_is_computed_are_the_next_one():
    async def main():
        work, sizes = Recorder(), []
        async with Batcher([work], size=2, observe=sizes.append) as line:
            first = ask(line, b"a")
            await until(lambda: work.batches)
            others = ask(line, b"b", b"c", b"d")
            await until(lambda: len(line) == 3)
            work.allow(9)
            assert await asyncio.gather(*first, *others) == [b"A", b"B", b"C", b"D"]
        assert work.batches == [[b"a"], [b"b", b"c"], [b"d"]] and sizes == [1, 2, 1]
        assert work.most_at_once == 1

    asyncio.run(main())


def test_a_batch_holds_no_more_pixels_than_it_may():
    async def main():
        work = Recorder()
        work.allow(9)
        async with Batcher([work], size=9, wait=0.05, pixels=10) as line:
            await asyncio.gather(*ask(line, b"a", b"b", pixels=4), *ask(line, b"c", pixels=50), *ask(line, b"d"))
        assert work.batches == [[b"a", b"b"], [b"c"], [b"d"]]

    asyncio.run(main())


def test_each_worker_does_one_thing_at_a_time_and_all_work_side_by_side():
    async def main():
        works = [Recorder(), Recorder()]
        async with Batcher(works) as line:
            answers = ask(line, b"a", b"b", b"c")
            await until(lambda: all(work.batches for work in works))
            assert len(line) == 1
            for work in works:
                work.allow(9)
            assert await asyncio.gather(*answers) == [b"A", b"B", b"C"]
        assert [work.most_at_once for work in works] == [1, 1]

    asyncio.run(main())


def test_one_that_fails_harms_no_other():
    async def main():
        work = Recorder()
        work.allow(9)
        async with Batcher([work], size=3, wait=PATIENCE) as line:
            first, wrong, last = await asyncio.gather(*ask(line, b"a", b"fails", b"c"), return_exceptions=True)
        assert (first, last) == (b"A", b"C") and isinstance(wrong, ValueError)
        assert work.batches == [[b"a", b"fails", b"c"], [b"a"], [b"fails"], [b"c"]]

    asyncio.run(main())


def test_one_that_nobody_waits_for_leaves_the_line_or_its_answer_is_dropped():
    async def main():
        work = Recorder()
        async with Batcher([work]) as line:
            computed, waiting, last = ask(line, b"a", b"b", b"c")
            await until(lambda: work.batches and len(line) == 2)
            computed.cancel()
            waiting.cancel()
            await until(lambda: len(line) == 1)
            work.allow(9)
            assert await last == b"C"
            assert computed.cancelled() and waiting.cancelled()
        assert work.batches == [[b"a"], [b"c"]]

    asyncio.run(main())


def test_it_goes_on_after_a_failure():
    async def main():
        work = Recorder()
        work.allow(9)
        async with Batcher([work]) as line:
            with pytest.raises(ValueError, match="it fails"):
                await line.answer(Picture(b"fails", 1))
            assert await line.answer(Picture(b"a", 1)) == b"A"

    asyncio.run(main())
