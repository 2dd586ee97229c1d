"""Two thousand bodies that no sound client would send."""

import asyncio
import json
import struct
from collections import Counter

import cv2
import numpy as np
import pytest

from cellmark.serving.engines import load
from cellmark.serving.limits import Limits
from cellmark.serving.service import Service
from tests.reading.drawn import picture
from tests.serving.clients import connected, encoded

BODIES = 2000
LIMITS = Limits(concurrency=8, max_bytes=20_000, max_pixels=200_000, body_timeout=20, timeout=60)
SMALL = cv2.resize(picture(["one"]), (64, 64), interpolation=cv2.INTER_AREA)
SOUND = [encoded(SMALL, "PNG"), encoded(SMALL, "JPEG"), encoded(SMALL, "JPEG", progressive=True)]
SOUND += [encoded(SMALL, "TIFF"), encoded(SMALL, "TIFF", compression="tiff_lzw"), encoded(SMALL, "BMP")]
SOUND += [encoded(SMALL, "WEBP"), encoded(SMALL, "WEBP", lossless=True)]
SIZES = (0, 1, 65535, 2**31 - 1, 2**32 - 1)


def truncated(rng, content):
    return content[: rng.integers(0, len(content))]


def flipped(rng, content):
    """Some bits of the head are others."""
    damaged = bytearray(content)
    for place in rng.integers(0, min(len(content), 120), rng.integers(1, 9)):
        damaged[place] ^= 1 << rng.integers(0, 8)
    return bytes(damaged)


def sized(rng, content):
    """A number of four bytes in the head is another, such as that of the width."""
    place = rng.integers(0, 60)
    number = struct.pack(rng.choice([">I", "<I"]), int(rng.choice(SIZES)))
    return content[:place] + number + content[place + 4 :]


def spliced(rng, content):
    """The head of one file and the end of another."""
    other = SOUND[rng.integers(len(SOUND))]
    return content[: rng.integers(0, len(content))] + other[rng.integers(0, len(other)) :]


def noise(rng, content):
    return rng.bytes(int(rng.integers(0, 400)))


def headed(rng, content):
    """The signature of a format before noise."""
    return content[: rng.integers(2, 40)] + rng.bytes(int(rng.integers(0, 2000)))


def text(rng, content):
    words = ["../../etc/passwd", "http://127.0.0.1/", "\0", "{}", "[" * 500, "'; --", "\ud800", "NaN"]
    value = {"image": words[rng.integers(len(words))], "size": int(rng.integers(-(2**60), 2**60))}
    return json.dumps(value).encode()


def repeated(rng, content):
    return content * int(rng.integers(2, 40))


DAMAGES = (truncated, flipped, sized, spliced, noise, headed, text, repeated)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")  # remarks on damaged EXIF
def test_fuzzed_bodies_never_hurt_the_service():
    rng = np.random.default_rng(0)
    to = Service(load(None, "classical", "cpu", [0.25], None, 20, 1), LIMITS, 8, 0)

    async def main():
        statuses = Counter()
        async with connected(to) as client:
            for number in range(BODIES):
                damage = DAMAGES[number % len(DAMAGES)]
                body = damage(rng, SOUND[rng.integers(len(SOUND))])
                route = "/predict" if rng.integers(4) == 0 else "/read"
                answer = await client.post(f"{route}?upright={'true' if rng.integers(2) else 'false'}", content=body)
                assert answer.status_code in (200, 413, 422, 503), (answer.text, damage.__name__, body[:200])
                assert answer.status_code == 200 or answer.json()["detail"]
                statuses[answer.status_code] += 1
            for content in SOUND:
                answer = await client.post("/read", content=content)
                assert answer.status_code == 200 and answer.json()[0]["text"] == "one"
        return statuses

    statuses = asyncio.run(main())
    assert sum(statuses.values()) == BODIES and min(statuses[200], statuses[422]) > 100 and statuses[413] > 10
