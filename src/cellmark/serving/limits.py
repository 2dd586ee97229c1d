"""What a request may cost, and receiving a body within that."""

import asyncio
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

RETRY_AFTER = 1  # seconds, after which a client that was turned away may come again
CLIENT_GONE = 499  # nginx's number; nobody sees it but the metrics


@dataclass(frozen=True)
class Limits:
    """What requests may cost.

    Attributes:
        concurrency: most requests at work at the same time, from the first byte of the body to the answer.
        max_bytes: most bytes of a body.
        max_pixels: most pixels of a picture, and of a batch.
        body_timeout: seconds for a body to arrive.
        timeout: seconds from there to the answer.
    """

    concurrency: int
    max_bytes: int
    max_pixels: int
    body_timeout: float
    timeout: float


class Refused(HTTPException):
    """A request that gets no answer but a status and a sentence.

    Attributes:
        reason: in few words, for the metrics.
    """

    def __init__(self, status: int, reason: str, detail: str, **headers: str) -> None:
        """Takes all that; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(status, detail, named)
        self.reason = reason


def unavailable(reason: str, detail: str) -> Refused:
    """A refusal that is no fault of the request: it may come again."""
    return Refused(503, reason, detail, retry_after=str(RETRY_AFTER))


async def receive(request: Request, limits: Limits) -> bytes:
    """The body of a request.

    What comes after ``max_bytes`` is thrown away. Up to as much again is waited for, because most clients read no
    answer before they have sent everything; after that the connection is closed.

    Raises:
        Refused: it is too large (413), too slow (408), a form (415), or the client has gone.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        told = "the body has to be the picture itself, not a form: curl --data-binary @photo.jpg"
        raise Refused(415, "form", told, connection="close")
    stated = request.headers.get("content-length", "")
    length = int(stated) if stated.isdecimal() else 0
    if length > 2 * limits.max_bytes or (length > limits.max_bytes and "expect" in request.headers):
        raise _too_large(limits)
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(limits.body_timeout):
            async for chunk in request.stream():
                size += len(chunk)
                parts.append(chunk)
                if size > limits.max_bytes:
                    parts.clear()
                if size > 2 * limits.max_bytes:
                    break
    except TimeoutError as error:
        told = f"the body did not arrive within {limits.body_timeout:g} seconds"
        raise Refused(408, "slow body", told, connection="close") from error
    except ClientDisconnect as error:
        raise gone() from error
    if size > limits.max_bytes:
        raise _too_large(limits)
    return b"".join(parts)


def gone() -> Refused:
    """A client that waits no longer."""
    return Refused(CLIENT_GONE, "client gone", "the client has closed the connection")


def _too_large(limits: Limits) -> Refused:
    told = f"the body has more than {limits.max_bytes} bytes"
    return Refused(413, "too many bytes", told, connection="close")
