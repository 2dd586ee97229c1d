"""Listening, and ending well."""

import logging
import math
import socket
from contextlib import ExitStack
from ipaddress import ip_address
from types import FrameType

import uvicorn

from cellmark.errors import CellmarkError
from cellmark.serving.app import create_app
from cellmark.serving.service import Service

SPARE = 5  # seconds beyond the limits of a request, after which the end waits for no client any more

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn's server that tells the service when its end has come.

    On SIGTERM and SIGINT it stops listening, finishes what has begun, and then raises the signal again.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        """Takes uvicorn's config and the service."""
        super().__init__(config)
        self.service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handles a signal."""
        self.service.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, and waits for the requests at work."""
        log.info("ending, once %d requests are answered", self.service.at_work)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A socket that clients can connect to; port 0 takes a free one.

    Raises:
        CellmarkError: there is no such host, or the port is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as stack:  # closes it where something fails
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
            stack.pop_all()
    except OSError as error:
        raise CellmarkError(f"host={host} port={port}: {error.strerror}") from error
    return listener


def serve(service: Service, listener: socket.socket) -> None:
    """Answers requests until a signal ends it."""
    host, port = listener.getsockname()[:2]
    if not ip_address(host).is_loopback:
        log.warning("listening on %s: whoever reaches this machine can use the service", host)
    limits = service.limits
    config = uvicorn.Config(
        create_app(service),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(limits.body_timeout + limits.timeout) + SPARE,
    )
    print(f"cellmark serves on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    Server(config, service).run([listener])
