"""What Prometheus is told."""

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
OTHER = "other"  # route of a request that leads nowhere: clients do not name metrics


class Metrics:
    """The metrics of one service.

    Attributes:
        registry: all of them.
        refused: requests that were turned away, by reason.
        pixels: of the pictures that were taken, by route.
        batches: sizes of batches, by route.
    """

    def __init__(self, version: str, model: str, device: str) -> None:
        """Takes what ``cellmark_info`` tells."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        info = Info("cellmark", "The service", registry=self.registry)
        info.info({"version": version, "model": model, "device": device})
        self.requests = Counter("cellmark_requests", "Requests answered", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "cellmark_request_seconds",
            "From the head of a request to the end of its answer",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.refused = Counter("cellmark_refused", "Requests turned away", ["reason"], registry=self.registry)
        self.pixels = Counter("cellmark_pixels", "Pixels of pictures taken", ["route"], registry=self.registry)
        self.batches = Histogram(
            "cellmark_batch_size",
            "Pictures computed together",
            ["route"],
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )

    def watch(self, at_work: Callable[[], int], lines: Mapping[str, Callable[[], int]]) -> None:
        """Asks for numbers of the moment whenever somebody looks.

        Args:
            at_work: requests that are being worked at.
            lines: pictures that wait in line, by route.
        """
        Gauge("cellmark_requests_at_work", "Requests at work", registry=self.registry).set_function(at_work)
        waiting = Gauge("cellmark_queue_length", "Pictures in line", ["route"], registry=self.registry)
        for route, length in lines.items():
            waiting.labels(route).set_function(length)


class Observed:
    """Middleware that counts and times every request, and puts headers on every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: frozenset[str], headers: Mapping[str, str]) -> None:
        """Takes the paths that are told apart, and the headers."""
        self.app, self.metrics, self.routes = app, metrics, routes
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route = scope["path"] if scope["path"] in self.routes else OTHER
        status, start = 500, time.perf_counter()  # an exception that passes by here becomes that

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        finally:
            self.metrics.requests.labels(route, status).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - start)
