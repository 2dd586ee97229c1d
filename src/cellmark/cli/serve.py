"""``cellmark serve``: an HTTP service that finds cells and reads codes."""

from collections.abc import Sequence
from importlib.util import find_spec

from cellmark.cli.checks import positive, whole
from cellmark.errors import CellmarkError
from cellmark.reading.reader import Choice

NEEDED = ("fastapi", "prometheus_client", "uvicorn")


def run(
    *,
    host: str,
    port: int,
    ckpt: str | None,
    engine: Choice,
    scales: Sequence[float],
    threshold: float | None,
    min_cells: int,
    device: str,
    batch_size: int,
    batch_wait_ms: float,
    workers: int,
    concurrency: int,
    max_bytes: int,
    max_pixels: int,
    body_timeout: float,
    timeout: float,
) -> None:
    """Runs the verb with the keys of ``conf/serve.yaml``; only a signal ends it."""
    if any(find_spec(name) is None for name in NEEDED):
        raise CellmarkError("needs more: pip install 'cellmark[serve]'")
    from cellmark.serving.engines import load
    from cellmark.serving.limits import Limits
    from cellmark.serving.server import listen, serve
    from cellmark.serving.service import Service

    limits = Limits(
        whole("concurrency", concurrency, 1),
        whole("max_bytes", max_bytes, 1),
        whole("max_pixels", max_pixels, 1),
        positive("body_timeout", body_timeout),
        positive("timeout", timeout),
    )
    whole("port", port, 0, 65535)
    whole("min_cells", min_cells, 1)
    whole("batch_size", batch_size, 1)
    wait = positive("batch_wait_ms", batch_wait_ms, zero=True) / 1000
    whole("workers", workers, 1)
    with listen(str(host), port) as listener:  # before the network is loaded: a port that is taken is told at once
        engines = load(ckpt, engine, device, scales, threshold, min_cells, workers)
        serve(Service(engines, limits, batch_size, wait), listener)
