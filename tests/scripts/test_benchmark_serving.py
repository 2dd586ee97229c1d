"""The load test of ``cellmark serve``: every request is counted, also one that gets no answer."""

import asyncio
import re
import socket
import subprocess
import sys
from collections import Counter

import pytest

from benchmark_serving import LOST, Load, load, row
from tests.integration.commands import CHECKOUT, PATIENCE


def test_a_row_tells_rate_latency_and_every_status():
    measured = Load(2.0, [0.1, 0.2, 0.3], Counter({"200": 3, "503": 2, LOST: 1}))
    assert row("/read", 4, measured) == "| `/read` | 4 | 1.5 | 200 | 298 | 3 x 200, 2 x 503, 1 x lost |"
    assert "| nan | nan | 1 x lost |" in row("/read", 1, Load(1.0, [], Counter({LOST: 1})))


def test_requests_without_an_answer_are_lost():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    measured = asyncio.run(load(address, "/read", 2, 5, [b"x"]))
    assert measured.statuses == {LOST: 5} and measured.latencies == []


@pytest.mark.slow
def test_it_loads_a_service_of_its_own():
    command = [sys.executable, "scripts/benchmark_serving.py", "--requests", "3", "--clients", "1", "2"]
    answer = subprocess.run(
        [*command, "--", "scales=[1]", "engine=classical"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert answer.returncode == 0, answer.stderr
    rows = re.findall(r"^\| `(/\w+)` \| (\d) \| [\d.]+ \| \d+ \| \d+ \| 3 x 200 \|$", answer.stdout, re.MULTILINE)
    assert rows == [("/predict", "1"), ("/predict", "2"), ("/read", "1"), ("/read", "2")]
