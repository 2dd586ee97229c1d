"""Load on ``cellmark serve``: throughput and latency at 1, 4 and 16 clients, and what became of every request.

``python scripts/benchmark_serving.py [key=value of the verb ...]`` starts the service on a free port of the loopback
interface and ends it with SIGTERM. Each client sends its next request when the last one is answered, so there are never
more requests under way than clients. Pictures are synthetic, PNG files of 256 x 256 pixels, the same in every run.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

import cv2
import httpx2
import numpy as np

from cellmark.data.generate.scenes import CONDITIONS, draw

ROUTES = ("/predict", "/read")
SIZE, SEED = 256, 778  # pixels, side of a picture; a seed of this benchmark alone
SEVERITIES = (0.0, 0.5, 1.0)
PATIENCE = 600  # seconds for one answer: none is given up here
LOST = "lost"


class Load(NamedTuple):
    """What was measured with so many clients.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: seconds of every request that got the status 200.
        statuses: how many requests ended with each status, or got no answer.
    """

    seconds: float
    latencies: list[float]
    statuses: Counter[str]


def pictures() -> list[bytes]:
    """One PNG file of each condition and severity."""
    drawings = (
        draw(condition, SIZE, np.random.default_rng((SEED, number)), severity).image
        for number, (condition, severity) in enumerate((c, s) for c in CONDITIONS for s in SEVERITIES)
    )
    return [cv2.imencode(".png", image[:, :, ::-1])[1].tobytes() for image in drawings]


async def load(address: str, route: str, clients: int, requests: int, contents: Sequence[bytes]) -> Load:
    """Sends so many requests in all, each client one after another.

    Args:
        address: of the service.
        route: ``/predict`` or ``/read``.
        clients: how many there are.
        requests: how many they send together.
        contents: pictures, sent in turn.
    """
    numbers, latencies, statuses = count(), list[float](), Counter[str]()
    limits = httpx2.Limits(max_connections=clients)

    async def work(client: httpx2.AsyncClient) -> None:
        while (number := next(numbers)) < requests:
            start = time.perf_counter()
            try:
                answer = await client.post(route, content=contents[number % len(contents)])
            except httpx2.HTTPError:
                statuses[LOST] += 1
                continue
            statuses[str(int(answer.status_code))] += 1
            if answer.status_code == 200:
                latencies.append(time.perf_counter() - start)

    async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        start = time.perf_counter()
        await asyncio.gather(*(work(client) for _ in range(clients)))
        return Load(time.perf_counter() - start, latencies, statuses)


@contextmanager
def service(keys: Sequence[str]) -> Iterator[str]:
    """The address of a service with some keys; it is ended like any other."""
    command = [sys.executable, "-m", "cellmark.cli.main", "serve", "port=0", *keys]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" not in line:
            sys.exit("the service did not start")
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait()


def row(route: str, clients: int, measured: Load) -> str:
    """A line of the table."""
    p50, p99 = np.percentile(measured.latencies, [50, 99]) if measured.latencies else (np.nan, np.nan)
    told = ", ".join(f"{number} x {status}" for status, number in sorted(measured.statuses.items()))
    rate = len(measured.latencies) / measured.seconds
    return f"| `{route}` | {clients} | {rate:.1f} | {1000 * p50:.0f} | {1000 * p99:.0f} | {told} |"


def main() -> None:
    """Prints one table, and fails if a request was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--requests", type=int, default=200, help="for each row")
    parser.add_argument("--routes", nargs="+", choices=ROUTES, default=ROUTES)
    parser.add_argument("keys", nargs="*", help="of the verb, such as scales=[1]")
    arguments = parser.parse_args()
    contents, lost = pictures(), 0
    keys = " ".join(arguments.keys) or "default keys"
    print(f"{os.cpu_count()} cores, {arguments.requests} requests a row, {keys}\n")
    print("| route | clients | answers/s | p50 ms | p99 ms | requests by status |\n|---|---|---|---|---|---|")
    with service(arguments.keys) as address:
        for route in arguments.routes:
            asyncio.run(load(address, route, 1, min(5, arguments.requests), contents))  # to warm up
            for clients in arguments.clients:
                measured = asyncio.run(load(address, route, clients, arguments.requests, contents))
                lost += measured.statuses[LOST]
                print(row(route, clients, measured), flush=True)
    sys.exit(f"{lost} requests were lost" if lost else 0)


if __name__ == "__main__":
    main()
