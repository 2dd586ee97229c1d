"""What is beyond a limit is refused with a reason, before it costs anything, and the service goes on."""

import asyncio
import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from cellmark.data.image_headers import MOST_SCANS
from tests.data.pictures import bomb
from tests.serving.clients import DOT, connected, echo, encoded, metric, post, service, talk

PATIENCE = 20  # seconds


def never(pictures):
    raise AssertionError("this must not be computed")


def tiled(side):
    """A TIFF file of 16 x 16 pixels in one tile of another size, as a decoder would unpack it."""
    data = zlib.compress(bytes(side * side))
    values = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, 8)]
    values.append((325, len(data)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(values)) + entries + bytes(4)


def two_frames(kind):
    """A file whose head is that of a large picture, and which has a small one's further on."""
    small = encoded(np.zeros((8, 8, 3), np.uint8), kind)
    if kind == "PNG":
        large = bomb(small)
        return large[:33] + small[8:]
    large = encoded(np.zeros((8, 8, 3), np.uint8), kind)
    frame = large.index(b"\xff\xc0")
    head = large[: frame + 5] + struct.pack(">HH", 60000, 60000) + large[frame + 9 : -2]
    return head + small[2:]


def hidden_frame():
    """A JPEG file whose frame lies behind a marker without a length, where a careless reader sees one and skips it."""
    content = encoded(np.zeros((8, 8, 3), np.uint8), "JPEG")
    frame = content.index(b"\xff\xc0")
    large = b"\xff\xc0" + content[frame + 2 : frame + 5] + struct.pack(">HH", 60000, 60000)
    large += content[frame + 9 : frame + 19]
    return content[:frame] + b"\xff\x01" + large + content[frame:]


def large(kind):
    return encoded(np.zeros((1200, 1200), np.uint8), kind)


BMP = encoded(np.zeros((4, 4), np.uint8), "BMP")
BOMBS = {
    "PNG": bomb(DOT),
    "two PNG heads": two_frames("PNG"),
    "two JPEG heads": two_frames("JPEG"),
    "hidden JPEG head": hidden_frame(),
    "tiles": tiled(2000),
    **{f"{kind} of 1200 x 1200": large(kind) for kind in ("PNG", "JPEG", "TIFF", "WEBP")},
    "BMP": BMP[:18] + struct.pack("<ii", 30000, 30000) + BMP[26:],
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("route", ["/predict", "/read"])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(name, route):
    to = service(never, [never], max_bytes=3_000_000)
    answer = post(to, route, BOMBS[name])
    assert answer.status_code == 413, answer.text
    assert "pixels" in answer.json()["detail"]


def test_a_picture_at_the_limit_is_taken():
    assert post(service(max_pixels=16), "/predict", DOT).status_code == 200
    assert post(service(max_pixels=15), "/predict", DOT).status_code == 413


def test_a_jpeg_of_countless_scans_is_refused():
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    scans = content.count(b"\xff\xda")
    most = content[:-2] + last * (MOST_SCANS - scans) + content[-2:]
    assert post(service(), "/read", most).status_code == 200
    answer = post(service(never, [never]), "/read", most[:-2] + last + most[-2:])
    assert answer.status_code == 422 and f"more than {MOST_SCANS} scans" in answer.json()["detail"]


async def pieces(size, count, taken=None):
    for _ in range(count):
        if taken is not None:
            taken.append(size)
        yield bytes(size)


@pytest.mark.parametrize("content", [bytes(1001), bytes(2500)], ids=["a little", "much"])
def test_a_body_that_states_to_be_too_large_is_refused(content):
    answer = post(service(never, [never], max_bytes=1000), "/read", content)
    assert answer.status_code == 413 and answer.json() == {"detail": "the body has more than 1000 bytes"}
    assert answer.headers["connection"] == "close"


def test_a_body_of_unknown_length_is_refused_while_it_arrives():
    taken = []
    answer = post(service(never, [never], max_bytes=1000), "/read", pieces(100, 10_000, taken))
    assert answer.status_code == 413 and len(taken) <= 22


def test_a_body_at_the_limit_is_taken():
    assert post(service(max_bytes=len(DOT)), "/read", DOT).status_code == 200
    assert post(service(max_bytes=len(DOT) - 1), "/read", DOT).status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for():
    async def stuck():
        yield DOT[:20]
        await asyncio.sleep(PATIENCE)

    answer = post(service(never, [never], body_timeout=0.05), "/read", stuck())
    assert answer.status_code == 408 and "within 0.05 seconds" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"GIF89a" + bytes(50), "not a picture in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture in a known format"),
        (DOT[:-4], "truncated"),
        (b'{"image": "x"}', "not a picture in a known format"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(content, reason):
    answer = post(service(never, [never]), "/read", content)
    assert answer.status_code == 422 and reason in answer.json()["detail"]


def test_a_form_is_refused_with_what_to_do():
    answer = post(service(), "/read", DOT, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 415 and "--data-binary" in answer.json()["detail"]


class Slow:
    """Work that takes until it may end."""

    def __init__(self):
        self.calls, self.begun, self.may_end = 0, threading.Event(), threading.Event()

    def __call__(self, pictures):
        self.calls += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE)
        return echo(pictures)


def test_overload_is_told_at_once_and_no_request_is_lost():
    slow = Slow()

    async def main():
        async with connected(service(read=[slow], concurrency=3)) as client:
            taken = [asyncio.create_task(client.post("/read", content=DOT)) for _ in range(3)]
            await asyncio.to_thread(slow.begun.wait)
            refused = await asyncio.gather(*(client.post("/read", content=DOT) for _ in range(5)))
            assert {answer.status_code for answer in refused} == {503}
            assert all(answer.headers["retry-after"] == "1" for answer in refused)
            assert (await client.get("/health")).status_code == 200
            text = (await client.get("/metrics")).text
            assert metric(text, "cellmark_requests_at_work") == 3
            assert metric(text, 'cellmark_queue_length{route="/read"}') == 2
            assert metric(text, 'cellmark_refused_total{reason="overload"}') == 5
            slow.may_end.set()
            assert [answer.status_code for answer in await asyncio.gather(*taken)] == [200] * 3
            assert metric((await client.get("/metrics")).text, "cellmark_requests_at_work") == 0

    asyncio.run(main())


def test_what_takes_too_long_is_given_up_and_the_service_goes_on():
    slow = Slow()

    async def main():
        async with connected(service(read=[slow], timeout=0.05, concurrency=1)) as client:
            for _ in range(3):  # the first is being computed, which cannot be stopped; the others leave the line
                answer = await client.post("/read", content=DOT)
                assert answer.status_code == 503 and "within 0.05 seconds" in answer.json()["detail"]
            assert metric((await client.get("/metrics")).text, 'cellmark_queue_length{route="/read"}') == 0
            assert slow.calls == 1
            slow.may_end.set()
            while (await client.post("/read", content=DOT)).status_code != 200:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_the_picture_of_a_client_that_has_gone_is_not_computed():
    slow = Slow()

    async def main():
        to = service(read=[slow])
        async with connected(to) as client:
            taken = asyncio.create_task(client.post("/read", content=DOT))
            await asyncio.to_thread(slow.begun.wait)
            messages = iter([{"type": "http.request", "body": DOT}, {"type": "http.disconnect"}])

            async def receive():
                return next(messages)

            async def send(message):
                pass

            scope = {"type": "http", "method": "POST", "path": "/read", "query_string": b"", "headers": []}
            await client._transport.app(scope, receive, send)
            assert len(to.lines["/read"]) == 0
            slow.may_end.set()
            assert (await taken).status_code == 200
            assert metric((await client.get("/metrics")).text, 'cellmark_refused_total{reason="client gone"}') == 1

    asyncio.run(main())


def test_an_error_within_is_told_as_such_and_harms_no_other():
    def predict(pictures):
        if any(picture.pixels == 64 for picture in pictures):
            raise ValueError("a secret")
        return echo(pictures)

    wrong = encoded(np.zeros((8, 8), np.uint8))
    to = service(predict, batch_size=3, batch_wait=PATIENCE)
    contents = (DOT, wrong, DOT)
    answers = talk(to, *(lambda client, c=content: client.post("/predict", content=c) for content in contents))
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[1].json() == {"detail": "an error within the service"}
    assert answers[1].headers["x-content-type-options"] == "nosniff"


def test_a_service_that_is_about_to_end_is_not_well():
    to = service()
    to.draining = True
    (answer,) = talk(to, lambda client: client.get("/health"))
    assert answer.status_code == 503 and answer.json()["status"] == "draining"
